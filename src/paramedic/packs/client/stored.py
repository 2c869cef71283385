"""What a client has stored in its own configuration."""

import json
import tomllib
from pathlib import Path

from paramedic.packs.http.conditions import is_there, value_at
from paramedic.sdk.files import read_whole

_MOST_BYTES = 1 << 20


class CannotRead(Exception):
    """The configuration, or a place in it, cannot be read; the message says why and holds nothing of it."""


def stored(config: Path, place: str) -> str:
    """The text at a place of the client's configuration.

    Raises:
        CannotRead: there is none.
    """
    try:
        content = read_whole(config, _MOST_BYTES)
    except OSError as error:
        raise CannotRead(f"the client's {config.name} cannot be read: {error.strerror or error}") from None
    try:
        data = _parsed(content.decode(), config.suffix.lower())
    except Exception:  # a boundary: parsers repeat what they cannot read, and here that may be a token
        raise CannotRead(f"the client's {config.name} makes no sense as {config.suffix or 'JSON'}") from None
    value = value_at(data, place)
    if not is_there(value) or not isinstance(value, str | int | float) or not str(value):
        raise CannotRead(f"the client's {config.name} holds no `{place}`")
    return str(value)


def _parsed(text: str, suffix: str) -> object:
    if suffix == ".toml":
        return tomllib.loads(text)
    if suffix in (".yaml", ".yml"):
        from ruamel.yaml import YAML

        return YAML(typ="safe", pure=True).load(text)
    return json.loads(text)
