"""Blanks such as ``{{order}}`` in texts and documents, and how they are filled."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from paramedic.packs.http.conditions import Comparison, Expected
from paramedic.sdk import Secret

_BLANK = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")

Values = Mapping[str, object]
Leaf = str | int | float | bool | Comparison | None


def blanks(value: object) -> Iterator[str]:
    """The names of every blank in a text, or in the texts of a document."""
    match value:
        case Secret():
            yield from blanks(value.reveal())
        case str():
            yield from (each[1] for each in _BLANK.finditer(value))
        case Mapping():
            for key, each in value.items():
                yield from blanks(key)
                yield from blanks(each)
        case list() | tuple():
            for each in value:
                yield from blanks(each)


def blanks_of(expected: Expected) -> Iterator[str]:
    """The names of every blank in what is expected."""
    yield from blanks((expected.body, expected.lacks, expected.headers, expected.json))


def fill_text(text: str | Secret, values: Values, quoted: Callable[[str], str] = str) -> str:
    """The text with its blanks filled; ``quoted`` makes a value fit for its place."""
    plain = text.reveal() if isinstance(text, Secret) else text
    return _BLANK.sub(lambda blank: quoted(as_text(values[blank[1]])), plain)


def fill(value: object, values: Values) -> object:
    """The document with its blanks filled; a text that is nothing but a blank becomes the value itself."""
    match value:
        case Secret():
            return fill_text(value, values)
        case str():
            whole = _BLANK.fullmatch(value)
            return values[whole[1]] if whole else fill_text(value, values)
        case Mapping():
            return {fill_text(str(key), values): fill(each, values) for key, each in value.items()}
        case list() | tuple():
            return [fill(each, values) for each in value]
    return value


def fill_expected(expected: Expected, values: Values) -> Expected:
    """What is expected, with its blanks filled."""
    if not any(blanks_of(expected)):
        return expected
    return replace(
        expected,
        body=_filled_texts(expected.body, values),
        lacks=_filled_texts(expected.lacks, values),
        headers={
            name: fill_text(each, values) if isinstance(each, str) else each for name, each in expected.headers.items()
        },
        json={path: _filled_leaf(each, values) for path, each in expected.json.items()},
    )


def as_text(value: object) -> str:
    """A value in the middle of a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _filled_texts(texts: str | tuple[str, ...], values: Values) -> tuple[str, ...]:
    return tuple(fill_text(each, values) for each in ((texts,) if isinstance(texts, str) else texts))


def _filled_leaf(value: Leaf, values: Values) -> Leaf:
    filled = fill(value, values) if isinstance(value, str) else value
    return filled if isinstance(filled, str | int | float | Comparison | None) else as_text(filled)
