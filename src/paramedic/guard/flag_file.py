"""The file of overlay flags: read, every problem found with its line, and made into flags that answer quickly.

overlays:                         # or `flags:`, or the names at the top level
  rollback_first:
    enabled: true
    rollout_percent: 50           # stable by key
    categories: [financial_operations]
    min_complexity: 0.4
    expires: 2027-06-30           # off from the start of that day, UTC
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

from paramedic.guard.documents import Document
from paramedic.guard.errors import Problem

_ROOTS = ("overlays", "flags", "feature_flags")
_BESIDE = ("version", "description", "schema_version")
_KNOWN = ("enabled", "rollout_percent", "categories", "min_complexity", "expires", "description")
NEVER = float("inf")
KNOWN_KEYS = 4096
"""A flag knows so many answers; then it forgets them and begins anew."""


class Flag:
    """One overlay's switch."""

    __slots__ = (
        "asked",
        "categories",
        "expires",
        "hashed",
        "known",
        "min_complexity",
        "rollout_percent",
        "simple",
    )

    def __init__(
        self,
        name: str,
        *,
        enabled: bool = True,
        rollout_percent: float = 100.0,
        categories: frozenset[str] | None = None,
        min_complexity: float = 0.0,
        expires: float = NEVER,
    ) -> None:
        self.rollout_percent = rollout_percent
        self.categories = categories
        self.min_complexity = min_complexity
        self.expires = expires
        """Seconds since 1970."""
        self.hashed = blake2b(f"{name}:".encode("utf-8", "surrogatepass"), digest_size=8)
        """What is hashed before a key."""
        self.known: dict[str, bool] = {}
        """Keys that were asked for, and whether they are in."""
        self.asked = 0
        self.simple: bool | None = None
        """The answer to everybody, where there is one."""
        if not enabled or rollout_percent <= 0:
            self.simple = False
        elif rollout_percent >= 100 and categories is None and min_complexity <= 0 and expires == NEVER:
            self.simple = True

    def place(self, key: str) -> int:
        """Where a key stands among 10,000."""
        both = self.hashed.copy()
        try:
            both.update(key.encode())
        except UnicodeEncodeError:  # half of a surrogate pair, as broken clients send it
            both.update(key.encode("utf-8", "surrogatepass"))
        except AttributeError:  # a number, a UUID: the same key as its text
            return self.place(str(key))
        return int.from_bytes(both.digest(), "big") % 10_000

    def is_for(self, key: str) -> bool:
        """Whether a key is in the share, to be known from now on."""
        if len(self.known) >= KNOWN_KEYS:
            self.known.clear()
        self.known[key] = is_in = self.place(key) < self.rollout_percent * 100
        return is_in


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """What a file says."""

    flags: Mapping[str, Flag]
    problems: tuple[Problem, ...]


def table(document: Document, overlays: Collection[str] | None) -> FlagTable:
    """The flags of a file and everything that is wrong with it. `overlays` are those that exist, where that is known.

    A flag with a problem is off: what was meant is not known.
    """
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        problem = Problem(
            line=1,
            where="overlays",
            observed=f"is `{_short(value)}`",
            expected="a mapping of overlay names to their flags",
        )
        return FlagTable(flags={}, problems=(problem,))
    root: tuple[str, ...] = ()
    problems: list[Problem] = []
    for name in _ROOTS:
        if name in value and isinstance(value[name], dict | None):
            root = (name,)
            strange = [str(other) for other in value if other not in (name, *_BESIDE)]
            problems += [_problem(document, (other,), "is no setting", f"`{name}`") for other in strange]
            value = value[name] or {}
            break
    flags: dict[str, Flag] = {}
    for name, settings in value.items():
        if not root and name in _BESIDE and not isinstance(settings, dict):
            continue
        found = _Reader(document, (*root, str(name)))
        flags[str(name)] = found.flag(settings)
        if overlays is not None and name not in overlays:
            found.complain((), "names an overlay that does not exist", _likeliest(str(name), overlays))
        problems += found.problems
    return FlagTable(flags=flags, problems=tuple(problems))


class _Reader:
    """Reads one overlay's settings."""

    def __init__(self, document: Document, where: tuple[str, ...]) -> None:
        self._document = document
        self._where = where
        self.problems: list[Problem] = []

    def complain(self, below: tuple[str, ...], observed: str, expected: str) -> None:
        self.problems.append(_problem(self._document, (*self._where, *below), observed, expected))

    def flag(self, settings: object) -> Flag:
        name = self._where[-1]
        if isinstance(settings, bool):
            return Flag(name, enabled=settings)
        if not isinstance(settings, dict):
            self.complain((), f"is `{_short(settings)}`", "true, false, or a mapping with `enabled`")
            return Flag(name, enabled=False)
        for key in settings:
            if key not in _KNOWN:
                self.complain((str(key),), "is no setting of a flag", _likeliest(str(key), _KNOWN))
        enabled = settings.get("enabled", True)
        if not isinstance(enabled, bool):
            self.complain(("enabled",), f"is `{_short(enabled)}`", "true or false")
        flag = Flag(
            name,
            enabled=enabled is True,
            rollout_percent=self._number(settings, "rollout_percent", 100.0, 100.0),
            categories=self._categories(settings),
            min_complexity=self._number(settings, "min_complexity", 0.0, 1.0),
            expires=self._moment(settings),
        )
        return Flag(name, enabled=False) if self.problems else flag

    def _number(self, settings: dict[str, Any], key: str, absent: float, most: float) -> float:
        value = settings.get(key, absent)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            self.complain((key,), f"is `{_short(value)}`", f"a number from 0 to {most:g}")
            return absent
        return float(value)

    def _categories(self, settings: dict[str, Any]) -> frozenset[str] | None:
        value = settings.get("categories")
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.complain(("categories",), f"is `{_short(value)}`", "a list of category names")
            return None
        return frozenset(value)

    def _moment(self, settings: dict[str, Any]) -> float:
        value = settings.get("expires")
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        if isinstance(moment, datetime):
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if value is not None:
            self.complain(("expires",), f"is `{_short(value)}`", "a date such as 2027-06-30")
        return NEVER


def _problem(document: Document, where: tuple[str, ...], observed: str, expected: str) -> Problem:
    return Problem(line=document.line(where), where=".".join(where), observed=observed, expected=expected)


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) and re.fullmatch(r"true|false|[\d.]+", value) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _likeliest(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known))
    return f"one that does; did you mean `{near[0]}`?" if near else f"one of {', '.join(sorted(known)) or 'none'}"
