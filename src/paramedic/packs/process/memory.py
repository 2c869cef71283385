"""How much memory a process has, and how much it may have."""

import os
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.host import pressure

_MB = 1024 * 1024
DEFAULT_WARNING_MB, DEFAULT_LIMIT_MB = 400.0, 500.0
"""What a process is expected to make do with where nobody says how much it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of one process, in MB."""

    resident: float
    """All that it has in memory."""
    held: float
    """What of it cannot simply be dropped: without the pages of files that it has mapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much it may have, in MB."""

    mb: float
    source: str


def read(pid: int) -> Memory:
    """What it has now.

    Raises:
        OSError: it is gone, or may not be looked at.
    """
    pages = [int(each) for each in Path(f"/proc/{pid}/statm").read_text().split()]
    status = Path(f"/proc/{pid}/status").read_text()
    rows = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
    held_kb = sum(int(rows[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in rows)
    resident = pages[1] * os.sysconf("SC_PAGE_SIZE") / _MB
    return Memory(resident=resident, held=held_kb / 1024 if rows else resident)


def proportional_mb(pid: int) -> float | None:
    """Its part of what it shares with others, counted once (PSS); ``None`` where the kernel does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), None)


def group_limit(pid: int) -> Limit | None:
    """The limit of its control groups; ``None`` when there is none below the machine's own memory."""
    limit = pressure.SYSTEM.memory_limit(pid)
    return Limit(mb=limit / _MB, source="its control group") if limit is not None else None
