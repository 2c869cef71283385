"""Watches the memory of this process against its limit, and frees what can be freed before the kernel does worse."""

import gc
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_hearer, check_name, is_number, is_whole
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.watcher import WATCHER

_HISTORY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReading:
    """One look."""

    rss_bytes: int
    limit_bytes: int
    share: float
    level: str
    """``ok``, ``warning`` or ``critical``."""
    relieved_bytes: int
    """What garbage collection and relief brought in this look."""


class MemoryMonitor:
    """Collects garbage first, then calls the registered relief, when memory is short.

    `start` has the watcher look by itself; `check` looks now. `history` is what a trend test is fed with.
    """

    kind = "memory"

    def __init__(
        self,
        *,
        limit_bytes: int | None = None,
        warning: float = 0.85,
        critical: float = 0.95,
        every_s: float = 5.0,
        rss: Callable[[], int] | None = None,
        name: str = "memory",
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        if not 0 < warning <= critical <= 1:
            raise ValueError("`warning` and `critical` are shares of the limit, in this order")
        if limit_bytes is not None and not is_whole(limit_bytes):
            raise ValueError(f"`limit_bytes` is a whole number of at least 1, not `{limit_bytes}`")
        if not is_number(every_s):
            raise ValueError(f"`every_s` is a number of seconds, not `{every_s}`")
        self.name = check_name(name)
        self.limit_bytes = limit_bytes or process_limit()
        self.warning = warning
        self.critical = critical
        self.every_s = every_s
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._rss = rss or process_rss
        self._clock = clock
        self._lock = RLock()  # relief may look, too
        self._relieving = False
        self._relief: list[Callable[[str], object]] = []
        self._history: deque[tuple[float, int]] = deque(maxlen=_HISTORY)
        self._next = float("-inf")
        self.last: MemoryReading | None = None

    def on_pressure(self, relief: Callable[[str], object]) -> Callable[[str], object]:
        """Register a function that frees memory; it is told the level. Usable as a decorator."""
        check_hearer(relief, "relief")
        self._relief.append(relief)
        return relief

    def start(self) -> None:
        """Have the watcher look every `every_s` seconds."""
        WATCHER.watch(self)

    def stop(self) -> None:
        """Look no more by itself."""
        WATCHER.leave(self)

    def check(self) -> MemoryReading:
        """Look now, relieve if need be, and say how it stands after that."""
        with self._lock:
            before = self._rss()
            reading = self._reading(before, before)
            if reading.level != "ok" and not self._relieving:
                gc.collect()
                reading = self._reading(self._rss(), before)
                if reading.level != "ok":
                    self._relieve(reading.level)
                    reading = self._reading(self._rss(), before)
            self._history.append((self._clock.wall(), reading.rss_bytes))
            old, self.last = self.last, reading
        if reading.level != (old.level if old else "ok"):
            because = f"{reading.share:.0%} of {reading.limit_bytes >> 20} MiB"
            event = GuardEvent(
                guard="memory", name=self.name, kind=reading.level, at=iso(self._clock.wall()) or "", because=because
            )
            announce(event, self.listeners)
        return reading

    def history(self) -> list[tuple[float, int]]:
        """The last readings: seconds since 1970 and resident bytes."""
        with self._lock:
            return list(self._history)

    def _relieve(self, level: str) -> None:
        self._relieving = True
        for relief in self._relief:
            try:
                relief(level)
            except Exception:  # boundary: foreign code
                import logging

                logging.getLogger("paramedic.guard").exception("a relief for memory failed")
        self._relieving = False

    def _reading(self, rss: int, before: int) -> MemoryReading:
        share = rss / self.limit_bytes
        level = "critical" if share >= self.critical else "warning" if share >= self.warning else "ok"
        return MemoryReading(
            rss_bytes=rss, limit_bytes=self.limit_bytes, share=share, level=level, relieved_bytes=max(0, before - rss)
        )

    def tick(self) -> None:
        """Look if it is time."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + self.every_s
            self.check()

    def report(self) -> dict[str, Any]:  # Any: plain JSON values
        """What is shown outside the process."""
        last = self.last
        if last is None:
            return {"level": "unknown", "limit_bytes": self.limit_bytes}
        return {
            "level": last.level,
            "rss_bytes": last.rss_bytes,
            "limit_bytes": last.limit_bytes,
            "share": round(last.share, 3),
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``relieve``."""
        del settings
        if verb != "relieve":
            return f"refused: memory knows no `{verb}`"
        gc.collect()
        self._relieve("ordered")
        return "done"

    def forked(self) -> None:
        """In the child of a fork; it is watched again when it says so."""
        self._lock = RLock()
        self._relieving = False
        WATCHER.leave(self)


def process_rss(statm: Path = Path("/proc/self/statm")) -> int:
    """Resident bytes of this process."""
    try:
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # no /proc on this platform: the highest so far is the nearest that can be had
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def process_limit(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may have: the least of its cgroups' (v2 and v1), its rlimit, and the machine's memory."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        import resource

        limits.append(resource.getrlimit(resource.RLIMIT_AS)[0])
    except ImportError:  # not on this platform
        pass
    limits += cgroup_limits(proc, root)
    return min(each for each in limits if each > 0)  # what stands for no limit is not positive, or more than there is


def cgroup_limits(proc: Path, root: Path) -> list[int]:
    """The limits of the cgroups that a process is in, and of those around them."""
    try:
        lines = proc.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, inside = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        here = top / inside.removeprefix("/")
        for place in (here, *here.parents):
            with suppress(OSError, ValueError):  # no such level in this container's view, or `max`
                found.append(int((place / name).read_text(encoding="ascii")))
            if place == top:
                break
    return found
