"""What of a configuration file as it is now may be written down as what must hold of it."""

import re
from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.config.reading import LIMIT_BYTES, Unparseable, parse
from paramedic.packs.config.target import Config, Format

_PLAIN = re.compile(r"[A-Za-z_][\w-]*")
_MOST_KEYS = 20
_SAMPLES = (".example", ".sample", ".template", ".dist")


def describe(path: Path) -> Mapping[str, object]:
    """The sample beside an environment file; of other files the keys at the top, as far as each holds a value."""
    format_ = Config(path=path).written_as
    if format_ is Format.ENV:
        beside = (path.with_name(path.name + end) for end in _SAMPLES)
        sample = next((each for each in beside if each.is_file()), None)
        return {"sample": sample} if sample else {}
    try:
        with path.open("rb") as file:
            data = parse(file.read(LIMIT_BYTES[format_]), format_).data
    except (OSError, Unparseable):
        return {}
    keys = [key for key, value in data.items() if value is not None] if isinstance(data, Mapping) else []
    if not 0 < len(keys) <= _MOST_KEYS or not all(isinstance(key, str) and _PLAIN.fullmatch(key) for key in keys):
        return {}
    return {"required": keys}
