"""Holds an environment file against the sample that ships with the product: what is missing, what is not filled in."""

import re
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.config.reading import LIMIT_BYTES, Document, Unparseable, parse
from paramedic.packs.config.target import Format
from paramedic.sdk.files import read_whole

_PLACEHOLDER = re.compile(
    r"<.*>|\.{3,}|x{3,}|change[-_ ]?(me|it|this)|replace[-_ ]?(me|this)|(put|your|insert|enter)[-_ ].*|to-?do",
    re.IGNORECASE,
)


class NoSample(Exception):
    """The sample cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """How a file falls short of its sample."""

    absent: tuple[str, ...]
    """Variables of the sample that the file does not name."""
    unfilled: tuple[str, ...]
    """Variables that still hold the sample's placeholder."""


def gaps(document: Document, sample: Path) -> Gaps:
    """What the file lacks. Lines that are commented out in the sample are optional.

    Raises:
        NoSample: with the reason.
    """
    try:
        shown = parse(read_whole(sample, LIMIT_BYTES[Format.ENV]), Format.ENV).data
    except Unparseable as error:
        raise NoSample(f"the sample `{sample.name}` {error}") from None
    except OSError as error:
        raise NoSample(f"the sample `{sample.name}` cannot be read: {error.strerror or error}") from None
    mine = document.data if isinstance(document.data, dict) else {}
    theirs = shown if isinstance(shown, dict) else {}
    return Gaps(
        absent=tuple(name for name in theirs if name not in mine),
        unfilled=tuple(
            name for name, value in theirs.items() if mine.get(name) == value and _PLACEHOLDER.fullmatch(value)
        ),
    )
