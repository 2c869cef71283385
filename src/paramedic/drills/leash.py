"""Nothing that a drill starts outlives it, not even when the drill itself is killed."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def leash(end: signal.Signals) -> Callable[[], None]:
    """What a child does between fork and exec, so that the kernel sends it this signal when its parent dies.

    Linux alone can do that; elsewhere it does nothing. The parent's thread must live as long as the parent.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # looked up before the fork: afterwards only calls are safe
    parent = os.getpid()

    def bind() -> None:
        if prctl is None:
            return
        prctl(_PR_SET_PDEATHSIG, end, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), end)

    return bind
