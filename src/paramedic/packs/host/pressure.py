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
        return float((self.proc / "loadavg").read_text().split()[0]) / self.cores()

    def cores(self) -> float:
        """Cores that we may use: as the scheduler allows and as control groups ration."""
        cores = float(len(os.sched_getaffinity(0)))
        for folder in self._folders("", "cpu"):
            quota = _words(folder / "cpu.max") or [
                *_words(folder / "cpu.cfs_quota_us"),
                *_words(folder / "cpu.cfs_period_us"),
            ]
            if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):
                cores = min(cores, int(quota[0]) / int(quota[1]))
        return max(cores, 0.01)

    def cpu_pressure(self) -> float | None:
        """Percent of the last minute in which some task waited for a core; ``None`` where the kernel does not say."""
        pressure = self._pressure(self.proc / "pressure/cpu", "avg60")
        return pressure[0] if pressure else None

    def descriptors(self) -> tuple[int, int]:
        """Open files of the whole machine, and how many there may be."""
        used, unused, most = map(int, (self.proc / "sys/fs/file-nr").read_text().split())
        return used - unused, most

    def _groups(self) -> list[Memory]:
        found = []
        for folder in self._folders("", "memory"):
            limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
            used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
            if limit is None or used is None or limit >= _UNLIMITED:
                continue
            stat = _table(_text(folder / "memory.stat"))
            dropped = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            found.append(
                Memory(
                    whose=f"control group `{folder.relative_to(self.cgroups)}`",
                    used=max(0, used - dropped),
                    limit=limit,
                    pressure=self._pressure(folder / "memory.pressure", "avg10"),
                )
            )
        return found

    def _folders(self, unified: str, controller: str) -> list[Path]:
        """Our control group and all above it, as folders, for version 2 and for version 1's controller."""
        folders: list[Path] = []
        for line in _text(self.proc / "self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == unified:
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

    @staticmethod
    def _pressure(path: Path, over: str) -> tuple[float, float] | None:
        shares = {}
        for line in _text(path).splitlines():
            kind, *pairs = line.split()
            shares[kind] = float(dict(pair.split("=", 1) for pair in pairs)[over])
        return (shares["some"], shares.get("full", 0.0)) if "some" in shares else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _table(text: str) -> dict[str, int]:
    """Lines such as ``MemTotal:  123 kB``, by name."""
    rows = (line.replace(":", " ").split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
