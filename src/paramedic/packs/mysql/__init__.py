"""MySQL and MariaDB databases: open to the service, quick, and with room for everybody."""

from paramedic.packs.mysql.actions import ReleaseIdle
from paramedic.packs.mysql.checks import accepts_queries
from paramedic.packs.mysql.putting import PutBack
from paramedic.packs.mysql.queries import slow_queries
from paramedic.packs.mysql.saving import create, lost, size, verify
from paramedic.packs.mysql.sessions import sessions
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.mysql.upkeep import upkeep
from paramedic.sdk import Kind, Pack
from paramedic.sdk.saving import Backup

pack = Pack(
    name="mysql",
    kinds=(
        Kind(
            name="mysql",
            summary="a MySQL or MariaDB database",
            target=MySQL,
            address=lambda database: (database.login.host, database.login.port),
            backup=Backup(create=create, verify=verify, lost=lost, size=size, keeps_old=True, put_back=PutBack()),
        ),
    ),
    checks=(accepts_queries, sessions, slow_queries, upkeep),
    actions=(ReleaseIdle,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
