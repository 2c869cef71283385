"""The JSON text that a record is kept as: canonical, so that equal values have equal texts and hashes."""

import json
from collections.abc import Iterable
from typing import TypeVar

from paramedic.model import wire
from paramedic.model.errors import StoreError

Value = TypeVar("Value")


def canonical(data: object) -> str:
    """Canonical JSON. Only ASCII: no database objects to lone surrogates or zero bytes in what a patient printed."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def text(value: object) -> str:
    """The text that keeps a value."""
    return canonical(wire.dump(value))


def read(kind: type[Value], body: str) -> Value:
    """The value whose text this is.

    Raises:
        StoreError: the text was damaged, or written for another shape of the value.
    """
    try:
        return wire.load(kind, json.loads(body))
    except ValueError as error:
        raise StoreError(
            f"a record of the store is no {kind.__name__.lower()}: {str(error).splitlines()[0]}",
            hint="`paramedic audit verify` says whether records were altered",
        ) from error


def read_all(kind: type[Value], bodies: Iterable[str]) -> tuple[Value, ...]:
    """The values of several texts."""
    return tuple(read(kind, body) for body in bodies)
