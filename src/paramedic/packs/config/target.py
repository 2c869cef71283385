"""Where a configuration file is and what must hold in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Format(StrEnum):
    """How a file is written."""

    AUTO = "auto"
    """By its name: `.yaml`, `.yml`, `.json`, `.toml`, and `.env` with its kind."""
    YAML = "yaml"
    JSON = "json"
    TOML = "toml"
    ENV = "env"


class ValueType(StrEnum):
    """What a value is."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold of one value."""

    type: ValueType | None = None
    min: float | None = None
    max: float | None = None
    one_of: tuple[str | int | float | bool, ...] = ()
    pattern: str | None = None
    """A regular expression that the whole text must match."""
    min_items: int | None = None
    schemes: tuple[str, ...] = ()
    """The value is a URL with one of these schemes; `postgresql` also stands for `postgresql+psycopg`."""
    not_empty: bool = False

    def __post_init__(self) -> None:
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`{self.pattern}` is no regular expression: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration file of the service."""

    path: Path
    """The file, relative to the service file."""
    format: Format = Format.AUTO
    """How it is written; by its name where not given."""
    required: tuple[str, ...] = ()
    """Keys that must be there, with dots between levels: `database.url`."""
    rules: Mapping[str, Rule] = field(default_factory=dict)
    """What must hold of values, by dotted key. Well-known keys that are required bring their own."""
    schema: Path | None = None
    """A JSON Schema file that the content must satisfy (needs the package `jsonschema`)."""
    variables: tuple[str, ...] = ()
    """Environment variables that the service cannot do without."""
    sample: Path | None = None
    """A sample of an environment file, such as `.env.example`: every variable that it sets must be named in the file or
    in the environment, and none may still hold the sample's placeholder."""
    sections_kept: tuple[str, ...] = ()
    """Top-level sections that survive `reset-config`, such as a person's own projects."""
    defaults: Path | None = None
    """The file that ships with the product; `reset-config` starts from it."""

    def accepts(self, _copy: Path) -> bool:
        """Whether a copy of the file may be restored, beyond the rules; a kind that names such a file may ask more."""
        return True

    @property
    def written_as(self) -> Format:
        """The format, found out by name where it is not given."""
        if self.format is not Format.AUTO:
            return self.format
        name = self.path.name.lower()
        if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
            return Format.ENV
        return {".json": Format.JSON, ".toml": Format.TOML}.get(self.path.suffix.lower(), Format.YAML)
