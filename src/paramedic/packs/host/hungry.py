"""Which processes use most. Only asked when something is scarce."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from paramedic.packs.host.volume import amount

if TYPE_CHECKING:
    import psutil

_MOST = 5


def by_memory() -> str:
    """The largest processes, one a line."""
    import psutil

    rows: list[tuple[int, int, str]] = []
    for process in psutil.process_iter():
        try:
            rows.append((process.memory_info().rss, process.pid, _command(process)))
        except psutil.Error:
            continue  # gone, or not ours to look into
    return "\n".join(f"{amount(rss)}  pid {pid}  {command}" for rss, pid, command in sorted(rows, reverse=True)[:_MOST])


def spent() -> dict[int, float]:
    """Seconds of processor time that each process has used so far, by pid."""
    import psutil

    found = {}
    for process in psutil.process_iter():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        found[process.pid] = times.user + times.system
    return found


def by_processor(before: Mapping[int, float], after: Mapping[int, float], apart_s: float) -> str:
    """The busiest processes between two readings of ``spent``, one a line."""
    import psutil

    shares = sorted(((after[pid] - before[pid]) / apart_s, pid) for pid in after if pid in before)
    rows: list[str] = []
    for share, pid in reversed(shares):
        if len(rows) == _MOST:
            break
        try:
            rows.append(f"{100 * share:.0f} %  pid {pid}  {_command(psutil.Process(pid))}")
        except psutil.Error:
            continue
    return "\n".join(rows)


def _command(process: "psutil.Process") -> str:
    return " ".join(" ".join(process.cmdline()).split())[:120] or f"[{process.name()}]"
