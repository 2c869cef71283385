"""How much memory a process has, and how much it may have."""

import os
from pathlib import Path

_MB = 1024 * 1024
_GROUPS = Path("/sys/fs/cgroup")


def resident_mb(pid: int) -> float:
    """What it holds in memory.

    Raises:
        OSError: it is gone, or may not be looked at.
    """
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB


def limit_mb(pid: int) -> float | None:
    """The limit of its control group, of both versions; ``None`` when there is none below the machine's own memory."""
    try:
        rows = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    except OSError:
        return None
    found: list[int] = []
    for _, controllers, path in rows:
        if controllers == "memory":
            found += _limits(_GROUPS / "memory", path, "memory.limit_in_bytes")
        elif not controllers:
            found += _limits(_GROUPS, path, "memory.max")
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lowest = min(found, default=machine)
    return lowest / _MB if lowest < machine else None


def _limits(root: Path, path: str, name: str) -> list[int]:
    """A group's limit and those of the groups around it; a container sees its own group as the root."""
    found: list[int] = []
    place = root / path.strip("/")
    for folder in (place, *place.parents):
        try:
            text = (folder / name).read_text().strip()
        except OSError:
            text = ""
        if text.isdigit():
            found.append(int(text))
        if folder == root:
            break
    return found
