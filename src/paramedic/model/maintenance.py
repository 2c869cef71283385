"""Planned work: while it lasts nobody is woken by what fails of it, and nothing disruptive begins by itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=14)
"""A window that lasts longer is no maintenance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of planned work on some components."""

    id: str
    begins: datetime
    ends: datetime
    components: tuple[str, ...] = ()
    """None: every component of the service."""
    reason: str = ""
    by: str = ""
    """Who began it by hand; empty where the service file declares it."""

    def covers(self, names: Iterable[str]) -> bool:
        """Whether any of these is worked on."""
        return not self.components or not set(self.components).isdisjoint(names)

    @property
    def said(self) -> str:
        """``until 04:00 UTC, of api, db: new disks``."""
        of = f", of {', '.join(self.components)}" if self.components else ""
        why = f": {self.reason}" if self.reason else ""
        return f"until {self.ends:%Y-%m-%d %H:%M} UTC{of}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """Planned work that comes again on days of the week, by the clock on the wall of its zone."""

    days: frozenset[int]
    """0 is Monday."""
    at: time
    zone: tzinfo
    lasts: timedelta
    """As it passes, whatever the clock on the wall does meanwhile."""
    components: tuple[str, ...] = ()
    reason: str = ""

    def around(self, moment: datetime, ahead: timedelta = timedelta()) -> Iterator[Window]:
        """Those that are not over at the moment and begin before it or at most so long after it."""
        here = moment.astimezone(self.zone).date()
        first, days = here - self.lasts - timedelta(days=1), (self.lasts + ahead).days + 3
        for day in (first + timedelta(days=number) for number in range(days)):
            begins = self._begins(day)
            if day.weekday() in self.days and begins <= moment + ahead and moment < begins + self.lasts:
                yield declared(begins, begins + self.lasts, self.components, self.reason)

    def _begins(self, day: date) -> datetime:
        # A time that a change of clocks skips is reckoned by the clock before; of two alike the first is it.
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What people began and ended; kept in the store."""

    windows: tuple[Window, ...] = ()
    ended: tuple[str, ...] = ()
    """Windows of the service file that were ended early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """All planned work of a service."""

    windows: tuple[Window, ...] = ()
    """Of the service file."""
    recurring: tuple[Recurring, ...] = ()
    by_hand: ByHand = field(default_factory=ByHand)

    def at(self, moment: datetime) -> tuple[Window, ...]:
        """Those that last at the moment, the first to end first."""
        found = [each for each in self._around(moment, timedelta()) if each.begins <= moment < each.ends]
        return tuple(sorted(found, key=lambda each: (each.ends, each.id)))

    def coming(self, moment: datetime, ahead: timedelta) -> tuple[Window, ...]:
        """Those that begin after the moment and at most so long after it, the next first."""
        found = [each for each in self._around(moment, ahead) if moment < each.begins <= moment + ahead]
        return tuple(sorted(found, key=lambda each: (each.begins, each.id)))

    def over(self, names: Iterable[str], moment: datetime) -> Window | None:
        """The window in which any of these is worked on at the moment; of several the one that ends last."""
        wanted = tuple(names)
        return max((each for each in self.at(moment) if each.covers(wanted)), key=lambda each: each.ends, default=None)

    def _around(self, moment: datetime, ahead: timedelta) -> Iterator[Window]:
        known = [*self.windows, *(window for each in self.recurring for window in each.around(moment, ahead))]
        yield from self.by_hand.windows
        yield from (each for each in known if each.id not in self.by_hand.ended)


def declared(begins: datetime, ends: datetime, components: tuple[str, ...], reason: str) -> Window:
    """A window of the service file; its id is made of what it is, so that it stays when lines move."""
    begins = begins.astimezone(UTC)
    id = f"{'+'.join(components) or 'all'}@{begins:%Y%m%dT%H%MZ}"
    return Window(id=id, begins=begins, ends=ends.astimezone(UTC), components=components, reason=reason)
