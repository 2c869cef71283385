"""What an answer must hold: its text, its headers, its JSON. For health checks and journeys alike."""

import json
import re
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, NamedTuple

from annotated_types import Interval

from paramedic.packs.http.answer import BODY_LIMIT, Answer, readable
from paramedic.packs.http.schema import broken_rule

StatusNumber = Annotated[int, Interval(ge=100, le=599)]
_LONGEST_MATCHED = 100_000
_NOTHING = object()


class Unmet(NamedTuple):
    """One condition that does not hold."""

    expected: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What must hold of one value, where it need not be equal to another."""

    below: float | None = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | int | float | bool, ...] = ()
    contains: str | None = None
    """Text within a text, or one of the values of a list."""
    matches: str | None = None
    """A regular expression found in a text."""
    length_at_least: int | None = None
    """Of a text, a list or a mapping."""
    length_at_most: int | None = None
    present: bool | None = None
    """Whether there is such a value at all, whatever it is."""

    def __post_init__(self) -> None:
        if not str(self):
            raise ValueError(f"give at least one of {', '.join(f'`{each.name}`' for each in fields(self))}")
        regular(self.matches)

    def __str__(self) -> str:
        said = ((each.name, getattr(self, each.name)) for each in fields(self))
        return " and ".join(
            f"{name.replace('_', ' ')} `{_shown(value)}`" for name, value in said if value is not None and value != ()
        )

    def holds(self, found: object) -> bool:
        """Whether a value (there is one) is as wanted."""
        return all(self._holds(found))

    def _holds(self, found: object) -> Sequence[bool]:
        number = found if isinstance(found, int | float) and not isinstance(found, bool) else None
        size = len(found) if isinstance(found, Sized) else None
        text = found if isinstance(found, str) else None
        members = found if isinstance(found, Sequence) else ()
        return [
            self.below is None or (number is not None and number < self.below),
            self.above is None or (number is not None and number > self.above),
            self.at_least is None or (number is not None and number >= self.at_least),
            self.at_most is None or (number is not None and number <= self.at_most),
            not self.one_of or any(_is_equal(found, each) for each in self.one_of),
            self.contains is None or self.contains in members,
            self.matches is None or (text is not None and _is_found(self.matches, text)),
            self.length_at_least is None or (size is not None and size >= self.length_at_least),
            self.length_at_most is None or (size is not None and size <= self.length_at_most),
            self.present is not False,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer must hold."""

    status: StatusNumber | tuple[StatusNumber, ...] | None = None
    """The status, or statuses, that are right; any 2xx or 3xx where not given."""
    body: str | tuple[str, ...] = ()
    """Text, or texts, that it must contain."""
    lacks: str | tuple[str, ...] = ()
    """Text, or texts, that it must not contain."""
    pattern: str | None = None
    """A regular expression that must be found in it."""
    headers: Mapping[str, str | Comparison] = field(default_factory=dict)
    """Headers that must be there, with text that they must contain or a comparison."""
    json: Mapping[str, str | int | float | bool | Comparison | None] = field(default_factory=dict)
    """Values that it must hold by dotted path, such as ``checks.db: ok`` or ``queue: {below: 100}``."""
    schema: Path | None = None
    """A JSON Schema that it must keep to (needs the package ``jsonschema``)."""

    def __post_init__(self) -> None:
        regular(self.pattern)

    @property
    def statuses(self) -> tuple[int, ...]:
        """Those that are right; empty where any 2xx or 3xx is."""
        return () if self.status is None else (self.status,) if isinstance(self.status, int) else self.status

    @property
    def wants_a_body(self) -> bool:
        """Whether anything is expected of the body."""
        return bool(self.body or self.lacks or self.pattern or self.json or self.schema)

    def accepts(self, status: int) -> bool:
        """Whether a status is right."""
        return status in self.statuses if self.statuses else 200 <= status < 400

    def status_in_words(self) -> str:
        """Such as ``status 200 or 204``."""
        return f"status {' or '.join(map(str, self.statuses))}" if self.statuses else "a status of 2xx or 3xx"


def unmet_header(answer: Answer, expected: Expected) -> Unmet | None:
    """The first header that is not as expected."""
    for name, wanted in expected.headers.items():
        found = answer.headers.get(name.lower())
        condition = wanted if isinstance(wanted, Comparison) else Comparison(contains=wanted)
        if found is None and condition.present is not False:
            return Unmet(f"a header `{name}`", f"there is no header `{name}`")
        if found is not None and not condition.holds(found):
            return Unmet(f"header `{name}` that {condition}", f"the header `{name}` is `{readable(found)[:80]}`")
    return None


def unmet_body(answer: Answer, expected: Expected) -> Unmet | None:
    """The first condition on the body that does not hold.

    Raises:
        CannotJudge: a schema could not be applied, which says nothing about the answer.
    """
    if not expected.wants_a_body:
        return None
    return _unmet_text(answer, expected) or _unmet_json(answer, expected)


def _unmet_text(answer: Answer, expected: Expected) -> Unmet | None:
    if not (expected.body or expected.lacks or expected.pattern):
        return None
    text = answer.text
    where = f"its {'first ' if not answer.is_whole else ''}{len(answer.body)} bytes"
    for each in _several(expected.body):
        if each not in text:
            return Unmet(f"`{each}` in the body", f"`{each}` is not in {where}")
    for each in _several(expected.lacks):
        if each in text:
            return Unmet(f"no `{each}` in the body", f"`{each}` is in {where}")
    if expected.pattern is not None and not _is_found(expected.pattern, text):
        return Unmet(f"`{expected.pattern}` in the body", f"`{expected.pattern}` is found nowhere in {where}")
    return None


def _unmet_json(answer: Answer, expected: Expected) -> Unmet | None:
    if not (expected.json or expected.schema):
        return None
    if not answer.is_whole:
        return Unmet("JSON", f"its body is longer than {BODY_LIMIT} bytes")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return Unmet("JSON", "its body is not JSON")
    for path, wanted in expected.json.items():
        found = value_at(document, path)
        if isinstance(wanted, Comparison):
            if found is _NOTHING and wanted.present is not False:
                return Unmet(f"`{path}` {wanted}", f"it holds no `{path}`")
            is_right = found is _NOTHING or wanted.holds(found)
        elif found is _NOTHING:
            return Unmet(f"`{path}` = `{_shown(wanted)}`", f"it holds no `{path}`")
        else:
            is_right = _is_equal(found, wanted)
        if not is_right:
            said = f"{wanted}" if isinstance(wanted, Comparison) else f"= `{_shown(wanted)}`"
            return Unmet(f"`{path}` {said}", f"`{path}` is `{_shown(found)}`")
    if expected.schema and (rule := broken_rule(expected.schema, document)):
        return Unmet(f"a body that keeps to `{expected.schema.name}`", rule)
    return None


def is_there(value: object) -> bool:
    """Whether ``value_at`` found something."""
    return value is not _NOTHING


def value_at(document: object, path: str) -> object:
    """The value at a dotted path; a key that itself has dots is found too. See ``is_there``."""
    if isinstance(document, Mapping):
        if path in document:
            return document[path]
        for cut, character in enumerate(path):
            if character == "." and path[:cut] in document:
                return value_at(document[path[:cut]], path[cut + 1 :])
    elif isinstance(document, Sequence) and not isinstance(document, str):
        index, _, rest = path.partition(".")
        if index.isdecimal() and len(index) < 10 and int(index) < len(document):
            return value_at(document[int(index)], rest) if rest else document[int(index)]
    return _NOTHING


def regular(pattern: str | None) -> None:
    """Refuse what is no regular expression.

    Raises:
        ValueError: with the reason.
    """
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from None


def _is_found(pattern: str, text: str) -> bool:
    return re.search(pattern, text[:_LONGEST_MATCHED]) is not None


def _is_equal(found: object, wanted: object) -> bool:
    return found == wanted and isinstance(found, bool) is isinstance(wanted, bool)


def _several(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts


def _shown(value: object) -> str:
    return readable(json.dumps(value, ensure_ascii=False, default=str))[:80]
