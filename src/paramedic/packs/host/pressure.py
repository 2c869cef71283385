"""What the kernel says of memory, of waiting and of load: /proc and control groups, versions 1 and 2."""

import os
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 writes an absurdly large number where there is no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of the machine, or of the control group that limits us most."""

    whose: str
    used: int
    """In bytes, without what can be dropped at once (caches of files)."""
    limit: int
    pressure: tuple[float, float] | None
    """Percent of the last 10 s in which some, and all, tasks waited for memory; ``None`` where the kernel
    does not say."""

    @property
    def percent(self) -> float:
        return 100 * self.used / self.limit if self.limit else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """How much time was lost because tasks waited for something, in percent."""

    whose: str
    some: float
    """Of the last minute, in which at least one task waited."""
    full: float
    """Of the last minute, in which nothing went on because all waited."""
    full_lasting: float
    """The same of the last five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """A ration of processor time, and how often it ran out since the group was made."""

    whose: str
    cores: float
    periods: int
    throttled: int
    pressure: float | None
    """Percent of the last minute in which some task of the group waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Memory that was moved to disk, in bytes."""

    total: int
    free: int
    pages_in: int
    """Pages fetched back since the machine started."""
    pressure: float | None
    """Percent of the last minute in which some task waited for memory."""

    @property
    def percent(self) -> float:
        return 100 * (self.total - self.free) / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Processes and threads that exist, and how many may."""

    whose: str
    used: int
    limit: int

    @property
    def percent(self) -> float:
        return 100 * self.used / self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Where the kernel's files are; tests give others."""

    proc: Path = Path("/proc")
    cgroups: Path = Path("/sys/fs/cgroup")

    def memory(self) -> Memory:
        """The scarcest memory that we depend on.

        Raises:
            OSError: the kernel does not say.
        """
        fields = _table((self.proc / "meminfo").read_text())
        total = fields["MemTotal"] * 1024
        available = fields.get("MemAvailable", fields["MemFree"]) * 1024
        machine = Memory(
            whose="the machine",
            used=total - available,
            limit=total,
            pressure=self._pressure(self.proc / "pressure/memory", "avg10"),
        )
        groups = [each for each in self._groups() if each.limit <= total]
        return max((machine, *groups), key=lambda each: each.percent)

    def load_per_core(self) -> float:
        """Tasks that run or wait to, per core that we may use, over the last minute."""
        return self.load() / self.cores()

    def load(self) -> float:
        """Tasks that run or wait to, over the last minute."""
        return float((self.proc / "loadavg").read_text().split()[0])

    def cores(self, pid: int | None = None) -> float:
        """Cores that a process (by default we) may use: as the scheduler allows and as control groups ration.

        Raises:
            OSError: there is no such process.
        """
        cores = float(len(os.sched_getaffinity(pid or 0)))
        for folder in self.groups("cpu", pid):
            if rationed := _quota(folder):
                cores = min(cores, rationed)
        return max(cores, 0.01)

    def memory_limit(self, pid: int | None = None) -> int | None:
        """The limit in bytes of a process's control groups, where one is below the machine's own memory."""
        total = _table(_text(self.proc / "meminfo")).get("MemTotal", 1 << 50) * 1024
        limits = [limit for folder in self.groups("memory", pid) if (limit := _memory_limit(folder)) is not None]
        return min((each for each in limits if each < total), default=None)

    def cpu_pressure(self) -> float | None:
        """Percent of the last minute in which some task waited for a core; ``None`` where the kernel does not say."""
        pressure = self._pressure(self.proc / "pressure/cpu", "avg60")
        return pressure[0] if pressure else None

    def stalls(self, what: str) -> tuple[Stall, ...]:
        """How long all tasks waited for ``memory`` or ``io``, on the machine and in our own control groups."""
        places = [("the machine", self.proc / "pressure" / what)]
        places += [(self._named(folder), folder / f"{what}.pressure") for folder in self.groups("")]
        found = []
        for whose, path in places:
            minute, minutes = self._pressure(path, "avg60"), self._pressure(path, "avg300")
            if minute and minutes:
                found.append(Stall(whose=whose, some=minute[0], full=minute[1], full_lasting=minutes[1]))
        return tuple(found)

    def throttling(self) -> Throttling | None:
        """How often the ration of our control group ran out, the most rationed one; ``None`` without a ration."""
        found = []
        for folder in self.groups("cpu"):
            stat = _table(_text(folder / "cpu.stat"))
            if (cores := _quota(folder)) and "nr_periods" in stat:
                pressure = self._pressure(folder / "cpu.pressure", "avg60")
                found.append(
                    Throttling(
                        whose=self._named(folder),
                        cores=cores,
                        periods=stat["nr_periods"],
                        throttled=stat.get("nr_throttled", 0),
                        pressure=pressure[0] if pressure else None,
                    )
                )
        return min(found, key=lambda each: each.cores, default=None)

    def swap(self) -> Swap:
        """How much of the swap is used, and how much was ever fetched back from it.

        Raises:
            OSError: the kernel does not say.
        """
        fields = _table((self.proc / "meminfo").read_text())
        pressure = self._pressure(self.proc / "pressure/memory", "avg60")
        return Swap(
            total=fields.get("SwapTotal", 0) * 1024,
            free=fields.get("SwapFree", 0) * 1024,
            pages_in=_table(_text(self.proc / "vmstat")).get("pswpin", 0),
            pressure=pressure[0] if pressure else None,
        )

    def tasks(self) -> tuple[Tasks, ...]:
        """Tasks (processes and threads) that exist and that may: of the machine, and of our control groups.

        Raises:
            OSError: the kernel does not say.
        """
        existing = int((self.proc / "loadavg").read_text().split()[3].partition("/")[2])
        limits = [number for each in ("pid_max", "threads-max") if (number := _number(self.proc / "sys/kernel" / each))]
        found = [Tasks(whose="the machine", used=existing, limit=min(limits))] if limits else []
        for folder in self.groups("pids"):
            used, limit = _number(folder / "pids.current"), _number(folder / "pids.max")
            if used is not None and limit:
                found.append(Tasks(whose=self._named(folder), used=used, limit=limit))
        return tuple(found)

    def oom_kills(self) -> tuple[str, int] | None:
        """Whose processes the kernel has killed for lack of memory, and how many since the start; our limits first."""
        for top in (self.cgroups, self.cgroups / "unified"):
            # The root of a machine has no such file: this is the top of a container.
            if (count := _table(_text(top / "memory.events")).get("oom_kill")) is not None:
                return "this container", count
        for folder in self.groups("memory"):
            limit = _memory_limit(folder)
            count = _table(_text(folder / "memory.oom_control")).get("oom_kill")
            if count is not None and limit is not None and limit < _UNLIMITED:
                return self._named(folder), count
        count = _table(_text(self.proc / "vmstat")).get("oom_kill")
        return None if count is None else ("the machine", count)

    def uptime_s(self) -> float:
        """Seconds since the machine started.

        Raises:
            OSError: the kernel does not say.
        """
        return float((self.proc / "uptime").read_text().split()[0])

    def descriptors(self) -> tuple[int, int]:
        """Open files of the whole machine, and how many there may be."""
        used, unused, most = map(int, (self.proc / "sys/fs/file-nr").read_text().split())
        return used - unused, most

    def _groups(self) -> list[Memory]:
        found = []
        for folder in self.groups("memory"):
            limit = _memory_limit(folder)
            used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
            if limit is None or used is None or limit >= _UNLIMITED:
                continue
            stat = _table(_text(folder / "memory.stat"))
            dropped = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            found.append(
                Memory(
                    whose=self._named(folder),
                    used=max(0, used - dropped),
                    limit=limit,
                    pressure=self._pressure(folder / "memory.pressure", "avg10"),
                )
            )
        return found

    def groups(self, controller: str, pid: int | None = None) -> list[Path]:
        """A process's control group and all above it, as folders: of version 2, and of version 1's controller."""
        folders: list[Path] = []
        for line in _text(self.proc / str(pid or "self") / "cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                tops = [self.cgroups, self.cgroups / "unified"]
            elif controller in controllers.split(","):
                tops = [self.cgroups / controller, self.cgroups / controllers]
            else:
                continue
            for top in tops:
                # In a container the path may be the host's, of which only the top is visible.
                own = top / path.strip("/")
                while own != top and not own.is_dir():
                    own = own.parent
                folders += [own, *(each for each in own.parents if each.is_relative_to(top))]
        return list(dict.fromkeys(folder for folder in folders if folder.is_dir()))

    def _named(self, folder: Path) -> str:
        return f"control group `{folder.relative_to(self.cgroups)}`"

    @staticmethod
    def _pressure(path: Path, over: str) -> tuple[float, float] | None:
        shares = {}
        for line in _text(path).splitlines():
            kind, *pairs = line.split()
            shares[kind] = float(dict(pair.split("=", 1) for pair in pairs)[over])
        return (shares["some"], shares.get("full", 0.0)) if "some" in shares else None


SYSTEM = System()
"""This machine."""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _memory_limit(folder: Path) -> int | None:
    limit = _number(folder / "memory.max")
    return limit if limit is not None else _number(folder / "memory.limit_in_bytes")


def _quota(folder: Path) -> float | None:
    """Cores that a control group is rationed to."""
    quota = _words(folder / "cpu.max") or [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):
        return int(quota[0]) / int(quota[1])
    return None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _table(text: str) -> dict[str, int]:
    """Lines such as ``MemTotal:  123 kB``, by name."""
    rows = (line.replace(":", " ").split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
