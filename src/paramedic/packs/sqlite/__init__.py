"""SQLite databases: there, whole, and open to those who need them."""

from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.sqlite.actions import Repair, Restore
from paramedic.packs.sqlite.asking import NoAnswer, ask_now
from paramedic.packs.sqlite.checks import is_usable, is_whole
from paramedic.packs.sqlite.recorded import is_as_recorded
from paramedic.packs.sqlite.saving import backup
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import Kind, Pack

_COPY_LIMIT_S = 600.0
_LOOK_LIMIT_S = 10.0
_MOST_TABLES = 40
"""More than these would bury the rest of a service file."""


def copy(source: Path, target: Path) -> None:
    """Copy a database, also one in use; the copy has passed the integrity check.

    Raises:
        OSError: there is no whole copy to be had.
    """
    try:
        answer = ask_now("copy", _COPY_LIMIT_S, path=source.absolute(), target_path=target.absolute())
    except NoAnswer as error:
        raise OSError(str(error)) from None
    if answer["problems"]:
        raise OSError(answer["problems"][0])


def describe(path: Path) -> Mapping[str, object]:
    """The tables that a database has now."""
    try:
        answer = ask_now("tables", _LOOK_LIMIT_S, path=path.absolute())
    except NoAnswer:
        return {}
    tables: list[str] = answer["tables"]
    return {"tables": tables} if 0 < len(tables) <= _MOST_TABLES else {}


pack = Pack(
    name="sqlite",
    kinds=(
        Kind(
            name="sqlite",
            summary="a SQLite database",
            target=Sqlite,
            files=lambda database: (database.manifest,) if database.manifest else (),
            keeps=lambda database: (database.path,),
            copy=copy,
            backup=backup,
            describe=describe,
        ),
    ),
    checks=(is_usable, is_whole, is_as_recorded),
    actions=(Repair, Restore),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
