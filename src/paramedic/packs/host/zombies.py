"""Which processes have ended and are still waited for by nobody."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_SERVES_S = 5.0
"""One search of all processes serves every check that asks within so long."""
_found: dict[Path, tuple[float, Mapping[int, int]]] = {}


def by_parent(now: float, proc: Path = Path("/proc")) -> Mapping[int, int]:
    """How many zombies each parent has; ``now`` on the monotonic clock. May be a few seconds old.

    Raises:
        OSError: there is no ``/proc``.
    """
    at, found = _found.get(proc, (float("-inf"), {}))
    if not 0 <= now - at <= _SERVES_S:
        found = search(proc)
        _found[proc] = now, found
    return found


def search(proc: Path = Path("/proc")) -> Mapping[int, int]:
    """The same, as it is now."""
    counted: Counter[int] = Counter()
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(proc / name / "stat", "rb") as file:  # noqa: PTH123  # by the hundred
                stat = file.read()
        except OSError:
            continue  # gone
        fields = stat[stat.rindex(b")") + 2 :].split(maxsplit=2)
        if fields[0] == b"Z":
            counted[int(fields[1])] += 1
    return counted
