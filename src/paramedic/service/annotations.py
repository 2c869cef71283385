"""What the annotations of a dataclass say about the keys of a file: their names, and what each takes."""

import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from paramedic.service.problems import listed
from paramedic.service.quantity import UNITS, unit_of

SEQUENCES = (list, tuple, set, frozenset, Sequence, Collection)
MAPPINGS = (dict, Mapping)


@cache
def hints(cls: type) -> Mapping[str, Any]:  # Any: annotations have no common type
    """The annotations of a dataclass, resolved."""
    return get_type_hints(cls, include_extras=True)


@cache
def keys_of(field_name: str) -> tuple[str, ...]:
    """How a field may be written in a file, the usual way first: seconds need not be named; ``from_`` is ``from``."""
    if field_name.endswith("_"):
        return (field_name.removesuffix("_"),)
    unit = unit_of(field_name)
    if unit is None:
        return (field_name,)
    short = field_name.removesuffix(unit)
    return (short, field_name) if unit == "_s" else (field_name, short)


@cache
def known_keys(cls: type) -> Mapping[str, Field[Any]]:  # Any: as dataclasses declares it
    """Every key that a dataclass takes; a field's own name wins over another's short form."""
    init = [each for each in fields(cls) if each.init]
    short = {key: each for each in reversed(init) for key in keys_of(each.name)}
    return {**short, **{each.name: each for each in init}}


def options(annotation: Any) -> tuple[Any, ...]:  # Any: annotations have no common type
    """The members of a union, or the annotation alone; without ``Annotated`` and ``NewType``."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(each for member in get_args(annotation) for each in options(member))
    return (annotation,)


def bare(annotation: Any) -> Any:  # Any: annotations have no common type
    """Without ``Annotated`` and ``NewType``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation


def is_constrained(annotation: Any) -> bool:  # Any: annotations have no common type
    """Whether it says more than its type: ``Annotated[int, Ge(1)]``, alone or in a union."""
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return any(get_origin(each) is Annotated for each in members)


def words_of(annotation: Any) -> tuple[str, ...] | None:  # Any: annotations have no common type
    """The words of a closed set; ``None`` for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(each.value) for each in annotation)
    return tuple(str(each) for each in get_args(annotation)) if get_origin(annotation) is Literal else None


def wanted(annotation: Any, name: str = "") -> str:  # Any: annotations have no common type
    """What an annotation takes, for a person."""
    said: dict[str, None] = {}
    for option in options(annotation):
        origin, unit = get_origin(option) or option, unit_of(name)
        if option is types.NoneType:
            continue
        if words := words_of(option):
            said[listed(words)] = None
        elif option in (int, float) and unit:
            said[UNITS[unit][1]] = None
        elif origin in SEQUENCES:
            said["a list"] = None
        elif origin in MAPPINGS or is_dataclass(option):
            said["a mapping"] = None
        else:
            simple = {int: "a whole number", float: "a number", bool: "`true` or `false`", Path: "a path"}
            said[simple.get(option, "text")] = None
    return " or ".join(said) or "a value"
