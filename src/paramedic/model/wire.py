"""Values to JSON and back, by their annotations alone."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from paramedic.model.secret import Secret

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    Json = object  # a recursive alias means nothing at run time before Python 3.12
Value = TypeVar("Value")


def dump(value: object) -> Any:  # Any: the caller knows the shape it gave
    """Plain JSON data for a value: enums by value, times as ISO 8601, secrets as ``***``.

    Raises:
        TypeError: a part has no JSON form.
    """
    match value:
        case Enum():
            return value.value
        case bool() | int() | float() | str() | None:
            return value
        case datetime():
            return value.isoformat()
        case Secret():
            return "***"
        case Path():
            return str(value)
        case Mapping():
            return {str(key): dump(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [dump(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: dump(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def load(kind: type[Value], data: object) -> Value:
    """The value whose ``dump`` this is.

    Raises:
        pydantic.ValidationError: the data has another shape.
    """
    value: Value = _adapter(kind).validate_python(data)  # type: ignore[arg-type]  # a class is hashable
    return value


@cache
def _adapter(kind: Any) -> Any:  # Any: pydantic is imported only where something is read back
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
