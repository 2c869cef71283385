"""What a stopped process leaves behind: children and grandchildren that hold its ports and files."""

import asyncio
import os
import signal

from paramedic.sdk import proc
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.ending import end

WITHIN_S = 1.0
"""How long they may take to end by themselves."""


def kin(who: proc.Identity) -> tuple[proc.Identity, ...]:
    """Everything in the session that a living process leads, itself left out."""
    if proc.session(who.pid) != who.pid:
        return ()
    members = (proc.identity(pid) for pid in proc.pids() if pid != who.pid and proc.session(pid) == who.pid)
    return tuple(each for each in members if each)


def leads_group(pid: int) -> bool:
    """Whether signals to its process group reach nothing but itself and its own."""
    try:
        return os.getpgid(pid) == pid
    except OSError:
        return False


async def clear(token: str | None, known: tuple[proc.Identity, ...]) -> None:
    """End what is left of a launch: the known, and whatever carries its token, until there is nothing more.

    Raises:
        ActionFailed: something survived being killed.
    """
    while True:
        carriers = await in_thread(proc.carriers, token) if token else ()
        left = [who for who in {*known, *carriers} if who.pid != os.getpid() and proc.identity(who.pid) == who]
        if not left:
            return
        await asyncio.gather(*(end(who, ask=signal.SIGTERM, within_s=WITHIN_S) for who in left))
