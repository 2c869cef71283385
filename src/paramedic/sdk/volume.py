"""How full file systems are, and how fast they fill: shared by every pack that looks at a disk."""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PACE_OVER_S = 1800.0
_SHORTEST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One file system, as ``df`` counts: what only root may use counts as used."""

    device: int
    paths: tuple[Path, ...]
    """The places of ours that lie on it."""
    size: int
    """In bytes, like ``free``."""
    free: int
    used: int
    inodes: int
    """How many files it can hold; 0 where there is no limit."""
    inodes_free: int

    @property
    def percent(self) -> float:
        return 100 * self.used / (self.used + self.free) if self.used + self.free else 0.0

    @property
    def inodes_percent(self) -> float:
        return 100 * (self.inodes - self.inodes_free) / self.inodes if self.inodes else 0.0

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))


def read(paths: Iterable[Path]) -> tuple[tuple[Volume, ...], dict[Path, str]]:
    """The file systems of some places, and why some cannot be looked at. Blocks where a file system hangs."""
    found: dict[int, Volume] = {}
    unseen: dict[Path, str] = {}
    for path in paths:
        try:
            device, numbers = path.stat().st_dev, os.statvfs(path)
        except OSError as error:
            unseen[path] = error.strerror or str(error)
            continue
        if numbers.f_blocks:  # a file system without blocks (such as /proc) cannot run full
            found[device] = Volume(
                device=device,
                paths=(*(found[device].paths if device in found else ()), path),
                size=numbers.f_blocks * numbers.f_frsize,
                free=numbers.f_bavail * numbers.f_frsize,
                used=(numbers.f_blocks - numbers.f_bfree) * numbers.f_frsize,
                inodes=numbers.f_files,
                inodes_free=numbers.f_favail,
            )
    return tuple(found.values()), unseen


class Pace:
    """How fast a file system fills, from earlier looks."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, int]] = deque(maxlen=1000)

    def full_in_s(self, now: float, volume: Volume) -> float | None:
        """Note a reading; seconds until full at the pace of the last half hour, ``None`` where it does not fill."""
        self._readings.append((now, volume.used))
        while now - self._readings[0][0] > _PACE_OVER_S:
            self._readings.popleft()
        began, used = self._readings[0]
        if now - began < _SHORTEST_S or volume.used <= used:
            return None
        return volume.free * (now - began) / (volume.used - used)


def amount(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
