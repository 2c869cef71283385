"""The store in a schema of its own on a Postgres server."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, func, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from paramedic.model.errors import StoreError
from paramedic.store.backend import BUSY_S
from paramedic.store.failure import explained
from paramedic.store.schema import commits

SCHEMA = "paramedic"
_MIGRATION_LOCK = 0x7061_7261_6D65_6469  # "paramedi": any number that nobody else takes

_COUNT = insert_or_update(commits).values(count=1)
_COUNT = _COUNT.on_conflict_do_update(index_elements=["node"], set_={"count": commits.c.count + 1})


class PostgresServer:
    """A backend on a server. The writers of one node queue for its row of ``commits``; readers never wait."""

    def __init__(self, url: URL, *, writable: bool) -> None:
        self.place = url.render_as_string(hide_password=True)
        self.is_local = False
        try:
            self._engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                connect_args=_connect_args(url),
                pool_size=4,
                pool_timeout=BUSY_S,
                pool_pre_ping=True,  # a server that was restarted is not our caller's trouble
                hide_parameters=True,
            )
        except ModuleNotFoundError as missing:
            raise StoreError(
                "the driver for Postgres is not installed", hint="pip install 'paramedic[postgres]'"
            ) from missing
        self.write: Engine | None = self._engine if writable else None
        self.read: Engine = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def version(self, connection: Connection) -> int:
        if connection.scalar(text(f"SELECT to_regclass('{SCHEMA}.schema_version')")) is None:
            return 0
        found = connection.scalar(text(f"SELECT max(version) FROM {SCHEMA}.schema_version"))  # noqa: S608  # a constant
        return int(found or 0)

    def is_absent(self) -> bool:
        return False

    @contextmanager
    def sole_maker(self) -> Iterator[Connection]:
        with explained(self.place), self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            # Asking first: whoever may not create schemas can still use one that was made for them.
            if connection.scalar(text(f"SELECT to_regnamespace('{SCHEMA}')")) is None:
                connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            yield connection

    def save_before_upgrade(self, version: int) -> None:
        """Nothing to do: the schema changes in one transaction, and a server is backed up by whoever keeps it."""

    def announce(self, connection: Connection, node: str) -> None:
        connection.execute(_COUNT, {"node": node})

    def changes(self) -> int:
        with explained(self.place), self.read.connect() as connection:
            return int(connection.scalar(select(func.sum(commits.c.count))) or 0)

    def close(self) -> None:
        self._engine.dispose()


def _connect_args(url: URL) -> dict[str, object]:
    own = url.query.get("options", "")
    own = own if isinstance(own, str) else " ".join(own)
    wait_ms = int(BUSY_S * 1000)
    return {
        "connect_timeout": int(BUSY_S),
        "tcp_user_timeout": 2 * wait_ms,
        "application_name": "paramedic",
        "options": f"{own} -c search_path={SCHEMA} -c lock_timeout={wait_ms}",
    }
