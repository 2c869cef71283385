"""Who else has a database open that is about to be replaced."""

import os
from collections.abc import Iterable
from pathlib import Path

from paramedic.packs.sqlite.inside import holders
from paramedic.sdk import ActContext, proc
from paramedic.sdk.child import MARK


def strangers(context: ActContext, path: Path, excused: Iterable[str]) -> tuple[str, ...]:
    """Processes that have the database open and are none of those components, in words."""
    known = {context.processes.facts(context.service.components[name]).pid for name in excused} - {None}
    return tuple(
        holders.describe(pid)
        for pid in holders.openers(path)
        if pid != os.getpid() and not _only_looks(pid) and not _descends(pid, {each for each in known if each})
    )


def _only_looks(pid: int) -> bool:
    """Whether it is a child of a check, of ours or of another Paramedic: it reads, and a rename does not disturb it."""
    return any(MARK in argument for argument in proc.command(pid))


def _descends(pid: int, elders: set[int]) -> bool:
    while pid > 1:
        if pid in elders:
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return False
        pid = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return False
