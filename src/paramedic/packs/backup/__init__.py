"""Backups of whatever declares `backup:`: there, fresh, whole; made and brought back as steps of a plan."""

from paramedic.packs.backup.checks import fresh_and_whole
from paramedic.packs.backup.making import Create
from paramedic.packs.backup.restoring import Restore
from paramedic.sdk import Pack

pack = Pack(
    name="backup",
    checks=(fresh_and_whole,),
    actions=(Create, Restore),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
