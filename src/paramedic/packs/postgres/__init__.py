"""PostgreSQL databases: open to the service, quick, and with room for everybody."""

from paramedic.packs.postgres.actions import ReleaseIdle
from paramedic.packs.postgres.checks import accepts_queries
from paramedic.packs.postgres.queries import slow_queries
from paramedic.packs.postgres.saving import backup
from paramedic.packs.postgres.sessions import sessions
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.postgres.upkeep import upkeep
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="postgres",
    kinds=(
        Kind(
            name="postgres",
            summary="a PostgreSQL database",
            target=Postgres,
            address=lambda database: (database.login.host, database.login.port),
            backup=backup,
        ),
    ),
    checks=(accepts_queries, sessions, slow_queries, upkeep),
    actions=(ReleaseIdle,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
