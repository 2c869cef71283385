"""A prepared kernel: files such as /proc and /sys/fs/cgroup hold, for what cannot be caused on this machine."""

from pathlib import Path

from paramedic.packs.host.pressure import System

GB = 1 << 30


class Kernel:
    """Lays out what a kernel would say; each ``say`` adds to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = System(proc=folder / "proc", cgroups=folder / "cgroup")
        self.system.proc.mkdir()

    def say(self, *parts: dict[str, str]) -> System:
        for files in parts:
            for name, text in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return self.system


def memory(available_percent: float, *, swap_used_percent: float = 0, swap: int = 0) -> dict[str, str]:
    """``/proc/meminfo`` of a machine with 10 GB."""
    total = GB * 10 // 1024
    return {
        "proc/meminfo": f"MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable: {int(total * available_percent / 100)} kB\n"
        f"SwapTotal: {swap // 1024} kB\nSwapFree: {int(swap // 1024 * (1 - swap_used_percent / 100))} kB\n"
    }


def pressure(name: str, *, some: float = 0.0, full: float = 0.0, lasting: float | None = None) -> dict[str, str]:
    """A pressure file; ``lasting`` is the share of the last five minutes."""
    long = full if lasting is None else lasting
    text = (
        f"some avg10={some} avg60={some} avg300={some} total=1\nfull avg10={full} avg60={full} avg300={long} total=1\n"
    )
    return {name: text}


class HandClock:
    """A clock moved by hand: ``pass_`` moves both sides, ``step`` the wall alone."""

    def __init__(self, at: float = 1_900_000_000.0) -> None:
        self.wall, self.ticks = at, 1000.0

    def now(self):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.wall, UTC)

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds

    def step(self, seconds: float) -> None:
        self.wall += seconds
