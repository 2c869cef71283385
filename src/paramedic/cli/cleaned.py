"""Records without secrets: made safe again whenever they are shown, for what was written before one was known."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

from paramedic.report import Redactor

Record = TypeVar("Record")


def cleaned(record: Record, safe: Redactor) -> Record:
    """The same value, every text in it without its secrets."""
    return cast("Record", _cleaned(record, safe))


def _cleaned(value: Any, safe: Redactor) -> Any:  # Any: whatever records are made of
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return safe.text(value)
    if isinstance(value, tuple | list):
        return type(value)(_cleaned(each, safe) for each in value)
    if isinstance(value, Mapping):
        return safe.data(dict(value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _cleaned(getattr(value, each.name), safe) for each in fields(value)})
    return value
