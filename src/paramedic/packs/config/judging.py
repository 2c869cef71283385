"""What is wrong with the data of a configuration file: all of it at once, and never a secret value."""

import json
import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paramedic.packs.config.codes import INVALID_VALUE, MISSING_FIELD, UNPARSEABLE
from paramedic.packs.config.reading import Document, Unparseable, parse
from paramedic.packs.config.target import Config, Format, Rule, ValueType
from paramedic.report.secret_names import is_secret_key
from paramedic.report.shapes import is_random
from paramedic.sdk import Code

_PLACEHOLDER = re.compile(r"\$\{|\{\{|%\(|^\$\w|<%|^!")
_TRUE_FALSE = {"true", "false", "yes", "no", "on", "off", "1", "0"}
_LONGEST_MATCHED = 10_000
_MOST_NODES = 200_000


class SchemaTrouble(Exception):
    """The schema could not be applied; that says nothing about the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong."""

    code: Code
    observed: str
    expected: str
    hint: str
    line: int | None = None


def judge(target: Config, content: bytes) -> list[Trouble]:
    """Everything that is wrong with a content of the file, the schema aside. Empty: nothing."""
    try:
        document = parse(content, target.written_as)
    except Unparseable as error:
        return [unparseable(target, error)]
    return troubles(target, document)


def unparseable(target: Config, error: Unparseable) -> Trouble:
    """The trouble of a file that makes no sense."""
    place = f" (line {error.line}{f', column {error.column}' if error.column else ''})" if error.line else ""
    return Trouble(
        code=UNPARSEABLE,
        observed=f"`{target.path.name}` {_sentence(str(error))}{place}",
        expected=error.expected or f"well-formed {target.written_as.upper()}",
        hint="correct that line, or run `paramedic recover` to put the last good version back",
        line=error.line,
    )


def troubles(target: Config, document: Document) -> list[Trouble]:
    """Everything that is wrong with data that makes sense in its format."""
    needs_mapping = target.required or target.rules
    if needs_mapping and not isinstance(document.data, Mapping):
        kind = _name_of(document.data)
        return [unparseable(target, Unparseable(f"holds {kind} where settings should be", 1, None, "names and values"))]
    found: list[Trouble] = []
    rules = dict(target.rules)
    for key in target.required:
        present, value = document.find(key)
        if not present or value is None:
            found.append(_missing(key, document))
        elif key not in rules and (known := _well_known().get(key.rsplit(".", 1)[-1].lower())):
            rules[key] = known
    for key, rule in rules.items():
        present, value = document.find(key)
        if not present or value is None:
            continue
        found.extend(
            Trouble(
                code=INVALID_VALUE,
                observed=f"`{key}` {observed}",
                expected=expected,
                hint=f"correct `{key}`",
                line=document.line(key),
            )
            for observed, expected in _broken(key, value, rule)
        )
    return found


def schema_troubles(schema: Path, document: Document) -> list[Trouble]:
    """What a JSON Schema says against the data.

    Raises:
        SchemaTrouble: it could not be asked.
    """
    try:
        # Any: an optional package, whose types may or may not be installed
        validators: Any = import_module("jsonschema.validators")
        registry: Any = import_module("referencing").Registry()
    except ImportError:
        raise SchemaTrouble("the package `jsonschema` is not installed") from None
    found: list[Trouble] = []
    try:
        rules = json.loads(schema.read_bytes())
        validator = validators.validator_for(rules)
        validator.check_schema(rules)
        # an empty registry: a reference to another host is an error, never a request
        judged = validator(rules, registry=registry)
        for error in judged.iter_errors(_plain(document.data, [_MOST_NODES])):
            key = ".".join(str(part) for part in error.absolute_path)
            if error.validator == "required":
                gone = [name for name in error.validator_value if name not in error.instance]
                found.extend(_missing(f"{key}.{name}" if key else str(name), document) for name in gone)
                continue
            found.append(
                Trouble(
                    code=INVALID_VALUE,
                    observed=f"`{key or 'the whole'}` breaks the rule `{error.validator}` of its schema",
                    expected=f"{error.validator}: {json.dumps(error.validator_value, default=str)[:120]}",
                    hint=f"correct `{key or 'the file'}`",
                    line=document.line(key) if key else None,
                )
            )
    except SchemaTrouble:
        raise
    except Exception as error:  # a boundary: schemas are a language of their own and fail in their own ways
        raise SchemaTrouble(f"`{schema.name}` could not be applied: {type(error).__name__}") from None
    return list(dict.fromkeys(found))


def _missing(key: str, document: Document) -> Trouble:
    return Trouble(
        code=MISSING_FIELD,
        observed=f"`{key}` is not set",
        expected=f"a value for `{key}`",
        hint=f"add `{key}`",
        line=document.line(key),
    )


def _broken(key: str, value: object, rule: Rule) -> list[tuple[str, str]]:
    """Each way in which a value breaks its rule: what it is and what it should be."""
    if isinstance(value, str) and _PLACEHOLDER.search(value):
        return []  # filled in by the service from somewhere that we do not see
    if type(value).__name__ == "TaggedScalar":
        return []
    found: list[tuple[str, str]] = []
    if rule.type and not _is(value, rule.type):
        return [(f"is {_shown(key, value)}", f"{_article(rule.type)} {rule.type}")]
    number = _number(value)
    if rule.min is not None and number is not None and number < rule.min:
        found.append((f"is {_shown(key, value)}", f"at least {rule.min:g}"))
    if rule.max is not None and number is not None and number > rule.max:
        found.append((f"is {_shown(key, value)}", f"at most {rule.max:g}"))
    if rule.one_of and value not in rule.one_of and str(value) not in {str(each) for each in rule.one_of}:
        found.append((f"is {_shown(key, value)}", f"one of {', '.join(f'`{each}`' for each in rule.one_of)}"))
    if rule.pattern is not None and not re.fullmatch(rule.pattern, str(value)[:_LONGEST_MATCHED]):
        found.append((f"is {_shown(key, value)}", f"a text that matches `{rule.pattern}`"))
    if rule.not_empty and (not value.strip() if isinstance(value, str) else isinstance(value, Sized) and not value):
        found.append(("is empty", "a value"))
    if rule.min_items is not None:
        count = len(value) if isinstance(value, Sized) and not isinstance(value, str) else None
        if count is None:
            found.append((f"is {_name_of(value)}", f"a list of at least {rule.min_items}"))
        elif count < rule.min_items:
            found.append((f"has {count or 'no'} entries", f"at least {rule.min_items}"))
    if rule.schemes:
        found.extend(_scheme(value, rule.schemes))
    return found


def _scheme(value: object, schemes: tuple[str, ...]) -> list[tuple[str, str]]:
    expected = f"a URL that starts with {', '.join(f'`{each}:`' for each in schemes)}"
    try:
        scheme = urlsplit(value).scheme if isinstance(value, str) else ""
    except ValueError:
        scheme = ""
    if not scheme:
        return [("is no URL", expected)]
    if scheme in schemes or scheme.split("+")[0] in schemes:
        return []
    return [(f"has the scheme `{scheme}`", expected)]


def _is(value: object, kind: ValueType) -> bool:
    match kind:
        case ValueType.TEXT:
            return isinstance(value, str)
        case ValueType.INTEGER:
            number = _number(value)
            return number is not None and number == int(number)
        case ValueType.NUMBER:
            return _number(value) is not None
        case ValueType.BOOLEAN:
            return isinstance(value, bool) or str(value).lower() in _TRUE_FALSE
        case ValueType.LIST:
            return isinstance(value, list)
        case ValueType.MAPPING:
            return isinstance(value, Mapping)


def _number(value: object) -> float | None:
    """The number that a value is, also where it stands in quotes: services convert those."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | str):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if abs(number) < float("inf") else None
    return None


def _shown(key: str, value: object) -> str:
    """A value as far as it may be seen."""
    if is_secret_key(key.rsplit(".", 1)[-1]):
        return "a value that is not shown"
    if isinstance(value, bool | int | float):
        return f"`{value}`"
    if isinstance(value, str):
        if not value.strip():
            return "empty"
        if len(value) > 60 or "@" in value or any(is_random(word) for word in value.split()):
            return f"a text of {len(value)} characters"
        return f"`{value}`"
    return _name_of(value)


def _name_of(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a yes or no"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return "a value of another kind"


def _article(kind: ValueType) -> str:
    return "an" if kind is ValueType.INTEGER else "a"


def _sentence(why: str) -> str:
    """Parsers say what they found; the sentence begins with the file's name."""
    if why.startswith(("is ", "holds ", "`", "has ")):
        return why
    return f"does not parse: {why}"


def _plain(value: object, left: list[int]) -> object:
    """The data as JSON would have it. Aliases are written out, so there is a limit."""
    left[0] -= 1
    if left[0] < 0:
        raise SchemaTrouble(f"the file expands to more than {_MOST_NODES} values")
    match value:
        case Mapping():
            return {str(key): _plain(each, left) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each, left) for each in value]
        case bool() | None:
            return value
        case int():
            return int(value)
        case float():
            return float(value)
    return str(value)


@cache
def _well_known() -> dict[str, Rule]:
    from pydantic import TypeAdapter

    document = parse(files(__package__).joinpath("well_known.yaml").read_bytes(), Format.YAML)
    return TypeAdapter(dict[str, Rule]).validate_python(_plain(document.data, [_MOST_NODES]))
