"""A JSON Schema of the service file, for editors: keys, words and what they mean while one types."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from paramedic.model.component import ProcessSpec
from paramedic.model.secret import Secret
from paramedic.model.service import Settings
from paramedic.model.wire import Json, dump
from paramedic.sdk.pack import Kind, Registry
from paramedic.service.annotations import MAPPINGS, SEQUENCES, hints, keys_of, known_keys, options, words_of
from paramedic.service.docstrings import of_class, of_fields
from paramedic.service.keys import ComponentKeys, FileKeys, Manager, OwnerCommands
from paramedic.service.quantity import UNITS, unit_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}"}
_DURATION = r"^\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*[a-zA-Zµ%]*\s*$"


def json_schema(registry: Registry) -> dict[str, Json]:
    """The schema, with one branch for each kind that an installed pack brings."""
    kinds = [registry.kinds[name] for name in sorted(registry.kinds)]
    top = _properties(FileKeys)
    top["settings"] = {**_described(FileKeys, "settings"), **_table(Settings, required=False)}
    top["components"] = {
        **_described(FileKeys, "components"),
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": r"^\w[\w.-]{0,62}$"},
        "additionalProperties": {"$ref": "#/$defs/component"},
    }
    return {
        "$schema": DIALECT,
        "title": "Paramedic service file",
        "description": of_class(FileKeys),
        "type": "object",
        "properties": top,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "required": ["service", "components"],
        "$defs": {
            "component": _component(kinds),
            "variable": {
                **_VARIABLE,
                "description": "The value of an environment variable, `${NAME}` or `${NAME:-default}`.",
            },
            "secret": _secret(),
        },
    }


def _component(kinds: list[Kind]) -> dict[str, Json]:
    common = _properties(ComponentKeys)
    common["kind"] = {
        **_described(ComponentKeys, "kind"),
        **({"oneOf": [{"const": kind.name, "description": kind.summary} for kind in kinds]} if kinds else {"enum": []}),
    }
    common["owner"] = {
        **_described(ComponentKeys, "owner"),
        "type": "object",
        "properties": {
            **{each.value: {"type": "string", "minLength": 1} for each in Manager},
            Manager.COMMAND.value: _table(OwnerCommands),
            "options": {
                "description": "What its program needs before the verb, such as `-c supervisord.conf`.",
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
            },
        },
        "additionalProperties": False,
        "oneOf": [{"required": [each.value]} for each in Manager],
    }
    branches: list[Json] = [
        {
            "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
            "then": {
                "description": kind.summary,
                "properties": _properties(kind.target, ProcessSpec if kind.name == "process" else None),
                **_required(kind.target),
            },
        }
        for kind in kinds
    ]
    return {
        "type": "object",
        "description": of_class(ComponentKeys),
        "properties": common,
        "required": ["kind"],
        **({"allOf": branches} if branches else {}),
        "unevaluatedProperties": False,
    }


def _table(cls: type, *, required: bool = True) -> dict[str, Json]:
    """A dataclass as an object."""
    needed = _required(cls) if required else {}
    return {"type": "object", "properties": _properties(cls), "additionalProperties": False, **needed}


def _required(cls: type) -> dict[str, Json]:
    """What must be there; a key that may be written in two ways counts either way."""
    needed = list(dict.fromkeys(field.name for field in _needed(cls)))
    plain: list[Json] = [name for name in needed if len(keys_of(name)) == 1]
    either: list[Json] = [
        {"anyOf": [{"required": [key]} for key in keys_of(name)]} for name in needed if len(keys_of(name)) > 1
    ]
    return {"required": plain, **({"allOf": either} if either else {})}


def _needed(cls: type) -> list[Field[Any]]:  # Any: as dataclasses declares it
    found = known_keys(cls).values()
    return [each for each in found if each.default is MISSING and each.default_factory is MISSING]


def _properties(cls: type, docs: type | None = None) -> dict[str, Json]:
    """Each key of a dataclass, in every way it may be written."""
    found: dict[str, Json] = {}
    for key, field in known_keys(cls).items():
        described = _described(cls, field.name) or (_described(docs, field.name) if docs else {})
        schema = {**described, **_schema(hints(cls)[field.name], field.name)}
        if field.default is not MISSING and field.default is not None:
            schema["default"] = dump(field.default)
        found[key] = schema
    return found


def _described(cls: type, name: str) -> dict[str, Json]:
    text = of_fields(cls).get(name)
    return {"description": text} if text else {}


def _schema(annotation: Any, name: str = "") -> dict[str, Json]:  # Any: annotations have no common type
    """What may stand where an annotation is read."""
    if annotation in (Any, object):
        return {}
    seen: list[Json] = []
    for option in options(annotation):
        for each in _option(option, name):
            if each not in seen:
                seen.append(each)
    return dict(seen[0]) if len(seen) == 1 and isinstance(seen[0], dict) else {"anyOf": seen}


def _option(option: Any, name: str) -> list[Json]:  # Any: annotations have no common type
    origin, inner = get_origin(option) or option, get_args(option)
    variable: Json = {"$ref": "#/$defs/variable"}
    if option in (Any, object):
        return [{}]
    if option is types.NoneType:
        return [{"type": "null"}]
    if words := words_of(option):
        return [{"enum": list(words)}, variable]
    if option is bool:
        return [{"type": "boolean"}, variable]
    if option in (int, float):
        number: list[Json] = [{"type": "integer" if option is int else "number"}]
        unit = unit_of(name)
        if unit:
            number.append({"type": "string", "pattern": _DURATION, "description": f"{UNITS[unit][1]}"})
        return [*number, variable]
    if option is Path:
        return [{"type": "string", "minLength": 1}]
    if option in (str, Secret):
        return [{"type": ["string", "number"]}, {"$ref": "#/$defs/secret"}]
    if origin in SEQUENCES:
        each = _schema(inner[0] if inner else Any)
        return [{"type": "array", "items": each}, *_alone(inner[0] if inner else Any)]
    if origin in MAPPINGS:
        key, value = inner or (str, Any)
        names: dict[str, Json] = {"propertyNames": {"enum": list(words)}} if (words := words_of(key)) else {}
        measured = {f"{unit}$": _schema(value, unit) for unit in UNITS if {int, float} & set(options(value))}
        patterns: dict[str, Json] = {"patternProperties": {**measured}} if measured else {}
        return [{"type": "object", **names, **patterns, "additionalProperties": _schema(value)}]
    if is_dataclass(option) and isinstance(option, type):
        return [{"description": of_class(option), **_table(option)}]
    return [{}]  # a pack's own type, judged when it is loaded


def _alone(inner: Any) -> list[Json]:  # Any: annotations have no common type
    """A single value stands for a list of one."""
    single = isinstance(inner, type) and (issubclass(inner, str | Path | int | float) or inner is Secret)
    return [_schema(inner)] if single and not (isinstance(inner, type) and issubclass(inner, Enum)) else []


def _secret() -> dict[str, Json]:
    def one(key: str, text: str) -> Mapping[str, Json]:
        inner: dict[str, Json] = {key: {"type": "string", "minLength": 1}}
        return {
            "type": "object",
            "description": text,
            "properties": inner,
            "required": [key],
            "additionalProperties": False,
        }

    return {"oneOf": [dict(one("file", "Read from a file.")), dict(one("env", "Read from the environment."))]}
