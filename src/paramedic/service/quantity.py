"""Durations and sizes as people write them."""

import re

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-zA-Zµ%]*)")
_SECONDS = {
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_BYTES = {
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
    **{prefix: 1000**power for power, prefix in enumerate("kmgt", 1)},
}
UNITS: dict[str, tuple[dict[str, float], str]] = {
    "_s": (_SECONDS, "a duration such as `5`, `5s`, `500ms`, `2m` or `1h`"),
    "_ms": ({unit: factor * 1000 for unit, factor in _SECONDS.items()}, "a number of milliseconds, or `500ms`, `2s`"),
    "_days": ({unit: factor / 86400 for unit, factor in _SECONDS.items()}, "a number of days, or `12h`, `7d`"),
    "_bytes": ({unit: float(factor) for unit, factor in _BYTES.items()}, "a size such as `500kB`, `10MB` or `1GiB`"),
    "_percent": ({"%": 1.0}, "a percentage such as `90` or `90%`"),
}
"""The unit at the end of a name to what may follow a number there, and how to say so."""


def unit_of(name: str) -> str | None:
    """The unit that a name ends with, if any."""
    return next((unit for unit in sorted(UNITS, key=len, reverse=True) if name.endswith(unit)), None)


def measure(text: str, unit: str) -> float | None:
    """The text as a number of that unit; ``None`` if it is none. A bare number is taken in the unit itself."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > 30:
        return None
    number, suffix = float(found[1]), found[2]
    if not suffix:
        return number
    factors, _ = UNITS[unit]
    factor = factors.get(suffix.lower() if unit == "_bytes" else suffix)
    return None if factor is None else round(number * factor, 9)
