"""Numbered steps from an empty database to the newest schema, in SQL that SQLite and Postgres both understand.

A step that was released is never changed; a new one is appended.
"""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from paramedic.model.errors import SchemaTooNew, StoreError
from paramedic.store.instant import micros
from paramedic.store.schema import schema_version

_CHAINED = """CREATE TABLE {name} (
    node TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL, at_us BIGINT NOT NULL, order_us BIGINT NOT NULL,
    {columns}, body TEXT NOT NULL, PRIMARY KEY (node, seq))"""

_FIRST = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL)",
    _CHAINED.format(name="transitions", columns="component TEXT NOT NULL"),
    "CREATE INDEX transitions_by_order ON transitions (order_us)",
    "CREATE INDEX transitions_by_component ON transitions (component, order_us)",
    _CHAINED.format(name="timeline", columns="incident TEXT NOT NULL"),
    "CREATE INDEX timeline_by_incident ON timeline (incident)",
    _CHAINED.format(
        name="receipts",
        columns="plan TEXT NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL, phase TEXT NOT NULL",
    ),
    "CREATE UNIQUE INDEX receipts_once ON receipts (plan, step, attempt, phase)",
    "CREATE INDEX receipts_by_order ON receipts (order_us)",
    """CREATE TABLE chain_heads (
        node TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL, order_us BIGINT NOT NULL,
        PRIMARY KEY (node, stream))""",
    """CREATE TABLE chain_anchors (
        node TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL, order_us BIGINT NOT NULL,
        first_us BIGINT NOT NULL, last_us BIGINT NOT NULL, seal TEXT NOT NULL, PRIMARY KEY (node, stream))""",
    """CREATE TABLE findings (
        component TEXT NOT NULL, check_name TEXT NOT NULL, place INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (component, check_name, place))""",
    """CREATE TABLE incidents (
        id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, opened_us BIGINT NOT NULL, resolved_us BIGINT,
        body TEXT NOT NULL)""",
    "CREATE INDEX incidents_by_opening ON incidents (opened_us)",
    "CREATE INDEX incidents_unresolved ON incidents (state) WHERE state <> 'resolved'",
    """CREATE TABLE plans (
        id TEXT NOT NULL PRIMARY KEY, incident TEXT, state TEXT NOT NULL, created_us BIGINT NOT NULL,
        body TEXT NOT NULL)""",
    "CREATE INDEX plans_by_incident ON plans (incident)",
    "CREATE INDEX plans_by_creation ON plans (created_us)",
    "CREATE INDEX plans_unfinished ON plans (state) WHERE state IN ('proposed', 'committed')",
    """CREATE TABLE commands (
        id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, at_us BIGINT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX commands_pending ON commands (at_us) WHERE state = 'pending'",
    """CREATE TABLE outbox (
        id TEXT NOT NULL PRIMARY KEY, incident TEXT, at_us BIGINT NOT NULL, due_us BIGINT, body TEXT NOT NULL)""",
    "CREATE INDEX outbox_by_incident ON outbox (incident)",
    "CREATE INDEX outbox_due ON outbox (due_us) WHERE due_us IS NOT NULL",
    """CREATE TABLE samples (
        component TEXT NOT NULL, name TEXT NOT NULL, at_us BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX samples_by_name ON samples (component, name, at_us)",
    "CREATE INDEX samples_by_time ON samples (at_us)",
    """CREATE TABLE sample_buckets (
        width_us BIGINT NOT NULL, component TEXT NOT NULL, name TEXT NOT NULL, at_us BIGINT NOT NULL,
        count BIGINT NOT NULL, minimum DOUBLE PRECISION NOT NULL, maximum DOUBLE PRECISION NOT NULL,
        total DOUBLE PRECISION NOT NULL, PRIMARY KEY (width_us, component, name, at_us))""",
    "CREATE INDEX sample_buckets_by_time ON sample_buckets (width_us, at_us)",
    """CREATE TABLE launches (
        token TEXT NOT NULL PRIMARY KEY, component TEXT NOT NULL, node TEXT NOT NULL, at_us BIGINT NOT NULL,
        ended_us BIGINT, body TEXT NOT NULL)""",
    "CREATE INDEX launches_by_component ON launches (component, at_us)",
    "CREATE INDEX launches_living ON launches (node) WHERE ended_us IS NULL",
    """CREATE TABLE desired (
        component TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, by_whom TEXT NOT NULL, at_us BIGINT NOT NULL)""",
    "CREATE TABLE notes (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL)",
    """CREATE TABLE nodes (
        node TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, renewed_us BIGINT NOT NULL, until_us BIGINT NOT NULL)""",
    "CREATE TABLE commits (node TEXT NOT NULL PRIMARY KEY, count BIGINT NOT NULL)",
)

_CHANGES = (
    _CHAINED.format(name="changes", columns="component TEXT NOT NULL"),
    "CREATE INDEX changes_by_time ON changes (at_us)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _CHANGES)
"""The statements of each step; step 1 comes first."""


def migrate(connection: Connection, found: int, at: datetime) -> None:
    """Bring the schema from the version found to the newest, in the caller's transaction.

    Raises:
        SchemaTooNew: a newer Paramedic was here.
    """
    refuse_newer(found)
    for version, statements in enumerate(MIGRATIONS[found:], start=found + 1):
        for statement in statements:
            connection.execute(text(statement))
        connection.execute(insert(schema_version), {"version": version, "at_us": micros(at)})


def version_of(connection: Connection) -> int:
    """The version of a database that has our tables."""
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0


def refuse_newer(found: int) -> None:
    """Leave a store of a newer Paramedic alone.

    Raises:
        SchemaTooNew: its schema is newer than ours.
    """
    if found > len(MIGRATIONS):
        raise SchemaTooNew(
            f"the store has schema {found}, this Paramedic knows {len(MIGRATIONS)}",
            hint="upgrade Paramedic, or let this version use a store of its own",
        )


def refuse_older(found: int) -> None:
    """Reading changes nothing, so that an older schema cannot be brought up to date by it.

    Raises:
        StoreError: its schema is older than ours.
    """
    if found < len(MIGRATIONS):
        raise StoreError(
            f"the store has the older schema {found}, this Paramedic reads {len(MIGRATIONS)}",
            hint="`paramedic watch` brings it up to date when it starts",
        )
