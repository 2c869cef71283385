"""Which data files, and what must hold of them."""

from dataclasses import dataclass
from enum import StrEnum
from glob import glob
from pathlib import Path
from typing import Annotated

from annotated_types import MinLen

_MAGIC = frozenset("*?[")


class Format(StrEnum):
    """How a file is written."""

    AUTO = "auto"
    """By its name: `.json`, `.jsonl`, `.ndjson`, `.csv`, `.tsv`, `.yaml`, `.yml`; any other is not read, only
    compared with its manifest."""
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    YAML = "yaml"
    BINARY = "binary"


_BY_NAME = {
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Data files of a service."""

    paths: Annotated[tuple[Path, ...], MinLen(1)]
    """The files, relative to the service file; patterns such as `personas/*.json` stand for all that match."""
    format: Format = Format.AUTO
    """How they are written; by their names where not given."""
    required: tuple[str, ...] = ()
    """Keys that each record must have, with dots between levels; a column of CSV."""
    schema: Path | None = None
    """A JSON Schema file that each record must satisfy (needs the package `jsonschema`)."""
    manifest: Path | None = None
    """A file with the SHA-256 of files that never change, as `sha256sum` writes it. A listed file that differs is
    damaged, whatever it says; one that is listed must be there."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file: those named, and those that patterns match now."""
        found: dict[Path, None] = {}
        for path in self.paths:
            found.update(dict.fromkeys(_matches(path) if _is_pattern(path) else (path,)))
        return tuple(found)

    @property
    def unmatched(self) -> tuple[Path, ...]:
        """Patterns that nothing matches."""
        return tuple(each for each in self.paths if _is_pattern(each) and not _matches(each))

    def written_as(self, path: Path) -> Format:
        """How a file is written."""
        if self.format is not Format.AUTO:
            return self.format
        return _BY_NAME.get(path.suffix.lower(), Format.BINARY)


def _is_pattern(path: Path) -> bool:
    return bool(_MAGIC & set(str(path)))


def _matches(pattern: Path) -> list[Path]:
    found = glob(str(pattern), recursive=True)  # noqa: PTH207  # takes absolute patterns, too
    return sorted(each for each in map(Path, found) if not each.is_dir())
