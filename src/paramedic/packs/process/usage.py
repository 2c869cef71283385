"""How much processor time a process and each of its threads have used, and how much of it between two readings."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.sdk import proc

_LEAST, _LEAST_WITHOUT_REST = 0.2, 0.02
"""A thread that ran less of the time than this is not busy, however long it waited for a core."""
_ONE_AT_A_TIME = 1.25
"""A Python program above so many cores runs more than Python code, which one thread at a time may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Of one thread since its start, in seconds."""

    ran: float
    waited: float
    """Wanted to run, and no core was free; told only when it gets one."""
    rests: int
    """How often it went to sleep by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A process at one moment."""

    who: proc.Identity
    at: float
    """Monotonic."""
    total: float
    """Seconds on a core, of threads that ended too."""
    threads: Mapping[int, Spent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What happened between two readings."""

    over_s: float
    cores: float
    """How many cores the whole process kept busy."""
    threads: Mapping[int, float]
    """Percent of the time in which each thread could have slept and ran instead: 100 is a thread that never rests.
    Time in which it waited for a core is left out, so that a crowded machine changes nothing."""

    @property
    def busiest(self) -> tuple[int, float]:
        """A thread and its percentage."""
        return max(self.threads.items(), key=lambda each: each[1], default=(0, 0.0))

    def percent(self, allowed: float, *, one_at_a_time: bool) -> float:
        """How near it is to all that it can do: by its busiest thread, or by the cores that it may use.

        Args:
            allowed: cores that it may use.
            one_at_a_time: whether only one of its threads can run code of its own (Python).
        """
        found = [self.busiest[1], 100 * self.cores / allowed]
        if one_at_a_time and self.cores <= _ONE_AT_A_TIME:
            found.append(min(100.0, 100 * self.cores))
        return max(found)


def read(pid: int, monotonic: Callable[[], float], root: Path = Path("/proc")) -> Reading:
    """Read it now.

    Raises:
        OSError: it is gone, or may not be looked at.
    """
    who = proc.identity(pid)
    if who is None:
        raise ProcessLookupError(pid)
    now, threads = monotonic(), {}
    for name in os.listdir(root / str(pid) / "task"):
        try:
            folder = root / str(pid) / "task" / name
            ran, waited = (folder / "schedstat").read_text().split()[:2]
            rests = (folder / "status").read_text().rpartition("\nvoluntary_ctxt_switches:")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread ended, or this kernel keeps no such file: the whole process is judged then
        threads[int(name)] = Spent(ran=int(ran) / 1e9, waited=int(waited) / 1e9, rests=int(rests))
    stat = (root / str(pid) / "stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    total = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Reading(who=who, at=now, total=total, threads=threads)


def between(earlier: Reading, later: Reading) -> Use:
    """What was used between two readings of the same process."""
    over_s = max(later.at - earlier.at, 1e-6)
    never = Spent(ran=0.0, waited=0.0, rests=-1)
    threads = {}
    for tid, spent in later.threads.items():
        before = earlier.threads.get(tid, never)
        ran, waited = spent.ran - before.ran, spent.waited - before.waited
        if spent.rests == before.rests and ran >= _LEAST_WITHOUT_REST * over_s:
            threads[tid] = 100.0  # what it did not run it waited, perhaps still untold
        elif ran >= _LEAST * over_s:
            threads[tid] = min(100.0, 100 * ran / max(over_s - waited, ran))
    return Use(over_s=over_s, cores=(later.total - earlier.total) / over_s, threads=threads)
