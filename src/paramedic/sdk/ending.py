"""Ends exactly one process, and is sure of it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from paramedic.sdk import proc
from paramedic.sdk.ports import ActionFailed

KILLED_WITHIN_S = 5.0
"""How long a killed process may take to vanish; only one stuck in the kernel takes longer."""


@contextmanager
def grip(who: proc.Identity) -> Iterator[int | None]:
    """A pidfd of this very process, never of a later one with its pid; ``None`` when it is gone."""
    try:
        pidfd = os.pidfd_open(who.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield pidfd if proc.identity(who.pid) == who else None
    finally:
        os.close(pidfd)


async def ended(pidfd: int, within_s: float) -> bool:
    """Wait until the process ends; false when it did not in time."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not end.done():
            end.set_result(None)

    loop.add_reader(pidfd, settle)
    try:
        await asyncio.wait_for(end, within_s)
    except TimeoutError:
        return False
    else:
        return True
    finally:
        loop.remove_reader(pidfd)


async def end(who: proc.Identity, *, ask: signal.Signals, within_s: float, group: bool = False) -> None:
    """Ask a process to end, kill it when it does not, and return when it is gone. Gone already is a success.

    A suspended process is killed at once, because it would not hear the question.

    Args:
        who: the process.
        ask: the signal that asks.
        within_s: how long it may take to answer.
        group: ask its whole process group, which it must lead.

    Raises:
        ActionFailed: it may not be signalled, or it survived being killed.
    """
    with grip(who) as pidfd:
        if pidfd is None:
            return
        if not proc.is_suspended(who.pid):
            _send(pidfd, who, ask, group=group)
            if await ended(pidfd, within_s):
                return
        _send(pidfd, who, signal.SIGKILL, group=group)
        if not await ended(pidfd, KILLED_WITHIN_S):
            raise ActionFailed(
                f"pid {who.pid} was killed and is still there after {KILLED_WITHIN_S:.0f} s; it is stuck in the kernel"
            )


def _send(pidfd: int, who: proc.Identity, what: signal.Signals, *, group: bool) -> None:
    try:
        with suppress(ProcessLookupError):
            if group:
                os.killpg(who.pid, what)
            else:
                signal.pidfd_send_signal(pidfd, what)
    except PermissionError as refused:
        raise ActionFailed(f"no permission to signal pid {who.pid}, which belongs to another user") from refused
