"""What the kernel knows of its own clock: ``adjtimex(2)``, asked without changing anything."""

import ctypes
import os
from dataclasses import dataclass

_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000


class _Timex(ctypes.Structure):
    """``struct timex`` of <sys/timex.h>."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 24),  # more than any architecture writes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timekeeping:
    """How the clock is kept."""

    is_synchronised: bool
    """A time service keeps it right."""
    offset_s: float
    """How far it is off by the time service's last word; it is being corrected."""
    error_s: float
    """How far it may be off at most."""


def read() -> Timekeeping:
    """Ask the kernel.

    Raises:
        OSError: it does not answer (some containers forbid the question).
    """
    asked = _Timex()  # modes = 0: only read
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.byref(asked))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    unit = 1e-9 if asked.status & _STA_NANO else 1e-6
    return Timekeeping(
        is_synchronised=state != _TIME_ERROR and not asked.status & _STA_UNSYNC,
        offset_s=asked.offset * unit,
        error_s=asked.maxerror / 1e6,
    )
