"""Planned work as the service file declares it: once, or again and again."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from paramedic.model.maintenance import DAYS, LONGEST, Maintenance, Recurring, Window, declared
from paramedic.service.problems import Problems, quoted
from paramedic.service.shape import INVALID, Shaper
from paramedic.service.tree import Items, Node

_EVERY = re.compile(r"(?P<days>[a-z,\s-]+?)\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})")
_EXAMPLE = "`sun 02:00`, `mon-fri 22:30`, `tue,thu 03:00` or `day 04:00`"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceKeys:
    """A time of planned work: nobody is woken by what fails of it, and nothing disruptive begins by itself."""

    from_: str | None = None
    """When it begins, once: ``2026-11-22 02:00``, by the clock of ``timezone``."""
    until: str | None = None
    """When it ends; ``for`` says the same as a duration."""
    every: str | None = None
    """When it begins, again and again: ``sun 02:00``, ``mon-fri 22:30``, ``day 04:00``."""
    for_s: float | None = None
    """How long it lasts."""
    timezone: str = "UTC"
    """The zone of these times, such as ``Europe/Berlin``."""
    components: tuple[str, ...] = ()
    """What is worked on; without it, everything."""
    reason: str = ""
    """Why, for whoever sees it."""


class _Wrong(Exception):
    """It cannot be understood: what is wrong, and what is expected."""


def read_maintenance(node: Node | None, shaper: Shaper, names: Collection[str]) -> Maintenance:
    """All windows of the file; what is wrong with them is among the problems."""
    if node is None:
        return Maintenance()
    found = shaper.read(node, tuple[MaintenanceKeys, ...], "maintenance")
    if found is INVALID or found is None:
        return Maintenance()
    lines = [each.line for each in node.nodes] if isinstance(node, Items) else [node.line]
    made = [
        _made(keys, f"maintenance[{number}]", line, shaper.problems, names)
        for number, (keys, line) in enumerate(zip(found, lines, strict=True))
    ]
    return Maintenance(
        windows=tuple(each for each in made if isinstance(each, Window)),
        recurring=tuple(each for each in made if isinstance(each, Recurring)),
    )


def _made(
    keys: MaintenanceKeys, label: str, line: int | None, problems: Problems, names: Collection[str]
) -> Window | Recurring | None:
    for name in keys.components:
        if name not in names:
            problems.add(
                f"{quoted(label)} names {quoted(name)}, which is no component",
                line=line,
                hint=problems.did_you_mean(name, names),
            )
    try:
        return _recurring(keys) if keys.every is not None else _once(keys)
    except _Wrong as wrong:
        what, expected = wrong.args
        problems.add(f"{quoted(label)}: {what}", line=line, expected=expected)
        return None


def _recurring(keys: MaintenanceKeys) -> Recurring:
    if keys.from_ is not None or keys.until is not None:
        raise _Wrong("`every` stands beside `from` or `until`", "either `every` and `for`, or `from` and `until`")
    if keys.for_s is None:
        raise _Wrong("`for` is missing", "how long it lasts, such as `2h`")
    assert keys.every is not None
    found = _EVERY.fullmatch(keys.every.strip().lower())
    days = frozenset(_days(found["days"])) if found else frozenset()
    if not found or not days or int(found["hour"]) > 23 or int(found["minute"]) > 59:
        raise _Wrong(f"`every` is {quoted(keys.every)}", _EXAMPLE)
    return Recurring(
        days=days,
        at=time(int(found["hour"]), int(found["minute"])),
        zone=_zone(keys.timezone),
        lasts=_lasts(timedelta(seconds=keys.for_s)),
        components=keys.components,
        reason=keys.reason,
    )


def _days(text: str) -> Iterator[int]:
    for part in re.split(r"\s*,\s*", text.strip()):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if part == "day":
            yield from range(7)
        elif first in DAYS and (not dash or last in DAYS):
            begin = DAYS.index(first)
            end = DAYS.index(last) if dash else begin
            yield from (each % 7 for each in range(begin, end + 1 if end >= begin else end + 8))
        else:
            raise _Wrong(f"{quoted(part)} is no day", _EXAMPLE)


def _once(keys: MaintenanceKeys) -> Window:
    if keys.from_ is None:
        raise _Wrong("neither `every` nor `from` says when it begins", "`every` and `for`, or `from` and `until`")
    if (keys.until is None) == (keys.for_s is None):
        raise _Wrong("its end is not clear", "one of `until` and `for`")
    zone = _zone(keys.timezone)
    begins = _moment(keys.from_, "from", zone)
    ends = (
        begins + timedelta(seconds=keys.for_s) if keys.for_s is not None else _moment(keys.until or "", "until", zone)
    )
    _lasts(ends - begins)
    return declared(begins, ends, keys.components, keys.reason)


def _moment(text: str, name: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _Wrong(f"`{name}` is {quoted(text)}", "a time such as `2026-11-22 02:00`") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _lasts(lasts: timedelta) -> timedelta:
    if not timedelta() < lasts <= LONGEST:
        raise _Wrong(
            "it ends before it begins, or lasts too long", f"more than nothing and at most {LONGEST.days} days"
        )
    return lasts


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a name that is none, or a machine that has no zones
        expected = "a zone that this machine knows, such as `Europe/Berlin` (the package `tzdata` brings all)"
        raise _Wrong(f"the time zone {quoted(name)} is not known", expected) from None
