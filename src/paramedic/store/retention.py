"""Lets go of what is old and over; chains lose a prefix and gain an anchor."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, false, func, or_, select

from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan, PlanState
from paramedic.model.receipt import CommandState
from paramedic.store import body as bodies
from paramedic.store.chain import Link, seal
from paramedic.store.insertion import upsert
from paramedic.store.instant import micros
from paramedic.store.samples import HOUR_US, KEEP_MINUTES, KEEP_RAW, MINUTE_US, Samples
from paramedic.store.schema import (
    chain_anchors,
    chain_heads,
    commands,
    commits,
    incidents,
    launches,
    outbox,
    plans,
    receipts,
    sample_buckets,
    samples,
    timeline,
)
from paramedic.store.streams import STREAMS, Stream

_UNFINISHED = [state.value for state in PlanState if not state.is_over]


def hold_up_writers(connection: Connection) -> None:
    """Let nobody append or prune until the commit: every writer holds its node's row in ``commits`` while it writes.

    The first thing of the transaction, and in order, so that two which prune wait instead of meeting.
    """
    connection.execute(select(commits.c.node).order_by(commits.c.node).with_for_update()).all()


def prune(connection: Connection, now: datetime, keep_days: float) -> None:
    """Cut what happened before ``keep_days`` ago, except what belongs to something that is not over."""
    cutoff = micros(now - timedelta(days=keep_days))
    alive = _Alive(connection)
    for stream in STREAMS:
        must_stay = or_(stream.table.c.at_us >= cutoff, alive.rows_of(stream))
        for node in connection.scalars(select(chain_heads.c.node).where(chain_heads.c.stream == stream.name)).all():
            _cut(connection, stream, node, must_stay)
    _forget_what_is_over(connection, cutoff)
    _thin_samples(connection, now, keep_days)


class _Alive:
    """What is not over, and what belongs to it."""

    def __init__(self, connection: Connection) -> None:
        open_plans = bodies.read_all(
            Plan, connection.scalars(select(plans.c.body).where(plans.c.state.in_(_UNFINISHED)))
        )
        planned = [plan.incident for plan in open_plans if plan.incident]
        wanted = select(incidents.c.body).where(
            or_(incidents.c.state != IncidentState.RESOLVED.value, incidents.c.id.in_(planned))
        )
        # Advice may be left open for ever: the incident itself says it all, and its chains must not grow as long.
        open_incidents = [
            each
            for each in bodies.read_all(Incident, connection.scalars(wanted))
            if not each.is_settled or each.id in planned
        ]
        self._incidents = [incident.id for incident in open_incidents]
        self._plans = [plan.id for plan in open_plans]
        beginnings = [
            *(plan.created_at for plan in open_plans),
            *(incident.opened_at for incident in open_incidents),
            *(symptom.since for incident in open_incidents for symptom in incident.symptoms),
        ]
        self._since_us = min(map(micros, beginnings), default=None)

    def rows_of(self, stream: Stream) -> ColumnElement[bool]:
        """The rows of a stream that belong to something alive."""
        if stream.table is timeline:
            return timeline.c.incident.in_(self._incidents)
        if stream.table is receipts:
            of_incidents = select(plans.c.id).where(plans.c.incident.in_(self._incidents))
            return or_(receipts.c.plan.in_(self._plans), receipts.c.plan.in_(of_incidents))
        return false() if self._since_us is None else stream.table.c.at_us >= self._since_us


def _cut(connection: Connection, stream: Stream, node: str, must_stay: ColumnElement[bool]) -> None:
    table = stream.table
    first = connection.scalar(select(func.min(table.c.seq)).where(table.c.node == node, must_stay))
    gone = table.c.node == node if first is None else (table.c.node == node) & (table.c.seq < first)
    last = connection.execute(
        select(table.c.seq, table.c.hash, table.c.order_us).where(gone).order_by(table.c.seq.desc()).limit(1)
    ).first()
    if last is None:
        return
    link = Link(*last)
    first_us, last_us = connection.execute(select(func.min(table.c.at_us), func.max(table.c.at_us)).where(gone)).one()
    before = connection.execute(
        select(chain_anchors.c.first_us, chain_anchors.c.last_us).where(
            chain_anchors.c.node == node, chain_anchors.c.stream == stream.name
        )
    ).first()
    if before is not None:
        first_us, last_us = min(first_us, before.first_us), max(last_us, before.last_us)
    anchor = {
        "node": node,
        "stream": stream.name,
        "seq": link.seq,
        "hash": link.hash,
        "order_us": link.order_us,
        "first_us": first_us,
        "last_us": last_us,
        "seal": seal(node, stream.name, link, first_us, last_us),
    }
    connection.execute(upsert(connection, chain_anchors), anchor)
    connection.execute(delete(table).where(gone))


def _forget_what_is_over(connection: Connection, cutoff: int) -> None:
    for table, condition in _over(cutoff):
        connection.execute(delete(table).where(condition))


def _over(cutoff: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Tables in the order in which they let go: what is still pointed at stays."""
    yield (
        plans,
        plans.c.state.not_in(_UNFINISHED)
        & (plans.c.created_us < cutoff)
        & ~exists().where(receipts.c.plan == plans.c.id)
        & ~exists().where((incidents.c.id == plans.c.incident) & (incidents.c.state != IncidentState.RESOLVED.value)),
    )
    yield (
        incidents,
        (incidents.c.state == IncidentState.RESOLVED.value)
        & (incidents.c.resolved_us < cutoff)
        & ~exists().where(timeline.c.incident == incidents.c.id)
        & ~exists().where(plans.c.incident == incidents.c.id),
    )
    yield outbox, (outbox.c.at_us < cutoff) & ~exists().where(incidents.c.id == outbox.c.incident)
    over = (CommandState.DONE.value, CommandState.REFUSED.value)
    yield commands, commands.c.state.in_(over) & (commands.c.at_us < cutoff)
    yield launches, launches.c.ended_us < cutoff


def _thin_samples(connection: Connection, now: datetime, keep_days: float) -> None:
    Samples(connection).roll_up(now)
    keep = timedelta(days=keep_days)
    hour = _hour_before(now - min(KEEP_RAW, keep))
    connection.execute(delete(samples).where(samples.c.at_us < hour))
    for width, kept in ((MINUTE_US, min(KEEP_MINUTES, keep)), (HOUR_US, keep)):
        old = sample_buckets.c.at_us < _hour_before(now - kept)
        connection.execute(delete(sample_buckets).where(sample_buckets.c.width_us == width, old))


def _hour_before(at: datetime) -> int:
    at_us = micros(at)
    return at_us - at_us % HOUR_US
