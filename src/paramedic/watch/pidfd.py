"""Hears of the end of a process from the kernel, without asking again and again."""

import asyncio
import os
import select
from collections.abc import Callable


class DeathWatch:
    """Watches one process; calls back once, on the loop, when it has ended. Holds one file descriptor until closed."""

    def __init__(self, pid: int, call: Callable[[], None]) -> None:
        """Begin to watch.

        Raises:
            ProcessLookupError: it is gone and nobody waits for it any more.
            OSError: no descriptor is left.
        """
        self._pidfd = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pidfd, call)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, even if the loop has had no time to call back yet."""
        if self._pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def reap(self) -> int | None:
        """The exit code of an ended child, negative for a signal; ``None`` when it is the child of somebody else."""
        try:
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return None
        if result is None:
            return None
        return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

    def close(self) -> None:
        """Stop watching; the process is left alone."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
