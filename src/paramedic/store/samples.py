"""Measurements over time: as they came, then by the minute, then by the hour.

Rolling up never loses a sample that came within ten minutes of its time, and does no harm when repeated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, func, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from paramedic.model.receipt import Sample
from paramedic.store.instant import micros, moment
from paramedic.store.schema import sample_buckets, samples

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
_LATE_US = 10 * MINUTE_US
KEEP_RAW = timedelta(days=1)
KEEP_MINUTES = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was measured at a time, or in the ``width_s`` seconds from it."""

    at: datetime
    count: int
    minimum: float
    maximum: float
    total: float
    width_s: int
    """0 for a single measurement, 60 and 3600 for roll-ups."""

    @property
    def value(self) -> float:
        """The mean."""
        return self.total / self.count


_Measures = tuple[
    ColumnElement[int], ColumnElement[int], ColumnElement[float], ColumnElement[float], ColumnElement[float]
]


class Samples:
    """Measurements of every component."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Sequence[Sample]) -> None:
        """Record them. What is no finite number is no measurement and left out."""
        rows = [
            {"component": each.component, "name": each.name, "at_us": micros(each.at), "value": float(each.value)}
            for each in new
            if math.isfinite(each.value)
        ]
        if rows:
            self._connection.execute(insert(samples), rows)

    def series(self, component: str, name: str, since: datetime, until: datetime | None = None) -> tuple[Point, ...]:
        """Points from ``since`` until before ``until``, oldest first.

        The finest resolution that still reaches back so far answers; what it does not cover yet at the new end
        comes from the finer ones.
        """
        widths = (HOUR_US, MINUTE_US, 0)
        oldest = {width: self._oldest(component, name, width) for width in widths}
        known = [at_us for at_us in oldest.values() if at_us is not None]
        if not known:
            return ()
        start = max(micros(since), min(known))
        reaching = [width for width, at_us in oldest.items() if at_us is not None and _hour(at_us) <= start]
        end = micros(until) if until is not None else None
        points: list[Point] = []
        for width in widths[widths.index(reaching[-1]) :]:
            part = self._points(component, name, width, start, end)
            points.extend(part)
            if part:
                start = micros(part[-1].at) + max(width, 1)
        return tuple(points)

    def roll_up(self, now: datetime) -> None:
        """Sum up every minute and hour that is over."""
        raw = (samples.c.at_us, func.count(), samples.c.value, samples.c.value, samples.c.value)
        self._roll_up(MINUTE_US, _LATE_US, micros(now), select(samples.c.component, samples.c.name), raw)
        minutes = sample_buckets.alias("minutes")
        self._roll_up(
            HOUR_US,
            HOUR_US,
            micros(now),
            select(minutes.c.component, minutes.c.name).where(minutes.c.width_us == MINUTE_US),
            (minutes.c.at_us, func.sum(minutes.c.count), minutes.c.minimum, minutes.c.maximum, minutes.c.total),
        )

    def _roll_up(
        self,
        width: int,
        again_us: int,
        now_us: int,
        names: Select[tuple[str, str]],
        measures: _Measures,
    ) -> None:
        at_us, count, minimum, maximum, total = measures
        newest = self._connection.scalar(
            select(func.max(sample_buckets.c.at_us)).where(
                sample_buckets.c.width_us == width,
                sample_buckets.c.at_us <= now_us,  # the clock may have been ahead for a while
            )
        )
        start = (newest or 0) - again_us
        bucket = at_us - at_us % width
        component, name = names.selected_columns
        rows = (
            names.with_only_columns(
                literal(width, BigInteger),
                component,
                name,
                bucket,
                count,
                func.min(minimum),
                func.max(maximum),
                func.sum(total),
            )
            .where(at_us >= start - start % width, at_us < now_us - now_us % width)
            .group_by(component, name, bucket)
        )
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        put = dialect.insert(sample_buckets).from_select([column.name for column in sample_buckets.columns], rows)
        self._connection.execute(
            put.on_conflict_do_update(
                index_elements=[column.name for column in sample_buckets.primary_key],
                set_={each: put.excluded[each] for each in ("count", "minimum", "maximum", "total")},
            )
        )

    def _oldest(self, component: str, name: str, width: int) -> int | None:
        table = sample_buckets if width else samples
        wanted = select(func.min(table.c.at_us)).where(table.c.component == component, table.c.name == name)
        if width:
            wanted = wanted.where(table.c.width_us == width)
        found = self._connection.scalar(wanted)
        return int(found) if found is not None else None

    def _points(self, component: str, name: str, width: int, start: int, end: int | None) -> list[Point]:
        if width:
            bucket = sample_buckets.c
            start -= start % width  # the bucket in which the range begins belongs to it
            columns = (bucket.at_us, bucket.count, bucket.minimum, bucket.maximum, bucket.total)
            wanted = select(*columns).where(bucket.width_us == width)
            table = sample_buckets
        else:
            raw = samples.c
            wanted = select(raw.at_us, literal(1), raw.value, raw.value, raw.value)
            table = samples
        wanted = wanted.where(table.c.component == component, table.c.name == name, table.c.at_us >= start)
        if end is not None:
            wanted = wanted.where(table.c.at_us < end)
        return [
            Point(
                at=moment(at_us),
                count=int(count),
                minimum=minimum,
                maximum=maximum,
                total=total,
                width_s=width // 1_000_000,
            )
            for at_us, count, minimum, maximum, total in self._connection.execute(wanted.order_by(table.c.at_us))
        ]


def _hour(at_us: int) -> int:
    return at_us - at_us % HOUR_US
