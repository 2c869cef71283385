"""A document as a value: what it says, without saying how it looks. One way to render it for each format."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from paramedic.model.status import Status

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How something stands: the tone gives glyph and colour, the word says it."""

    tone: Status
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names, and what is said of each; what says nothing is left out."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One paragraph."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """One line for each thing."""

    points: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table. A row may have a tone."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tones: tuple[Status | None, ...] = ()
    anchor: str = ""
    """Rows can be led to as ``anchor`` and their number, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """Text as it was found, under a label."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, drawn where it belongs."""

    at: datetime
    lane: str
    tone: Status
    text: str
    until: datetime | None = None
    """It took until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """A picture of what happened when, in order; the numbers are those of the rows of ``anchor``."""

    lanes: tuple[str, ...]
    moments: tuple[Moment, ...]
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part under a heading."""

    heading: str
    blocks: "tuple[Block, ...]"
    verdict: Verdict | None = None
    is_part: bool = False
    """It belongs to the section in which it stands."""


Block: TypeAlias = Facts | Words | Points | Rows | Verbatim | Moments | Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything that is to be read."""

    title: str
    verdict: Verdict
    lead: str
    """One sentence under the title."""
    blocks: tuple[Block, ...]
    made_by: str = ""


def safe(value: Value, clean: Callable[[str], str]) -> Value:
    """The value with every text in it cleaned."""
    return _clean(value, clean)  # type: ignore[no-any-return]  # of the same type, as it is rebuilt part by part


def _clean(value: Any, clean: Callable[[str], str]) -> Any:  # Any: part by part of every type
    if isinstance(value, Status) or value is None:
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(_clean(each, clean) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{each.name: _clean(getattr(value, each.name), clean) for each in fields(value)})
    return value
