"""What the kernel's log says of processes that it ended for lack of memory."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_RECORD_BYTES = 8192  # the kernel gives one record a read, never a part of one
_MOST = 200_000
_KILLED = re.compile(
    rb"(?P<whose>Memory cgroup out of memory|Out of memory)[^:]*: Kill(?:ed)? process (?P<pid>\d+) \((?P<name>.*?)\)"
    rb"(?:.*?anon-rss:(?P<kb>\d+)kB)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A process that the kernel killed."""

    pid: int
    name: str
    at_s: float
    """On the monotonic clock of the machine."""
    resident_kb: int | None
    is_by_group: bool
    """The limit of a control group was reached, not the machine's memory."""

    def __str__(self) -> str:
        size = f", {self.resident_kb // 1024} MB" if self.resident_kb is not None else ""
        return (
            f"`{self.name}` (pid {self.pid}{size}{', at the limit of its control group' if self.is_by_group else ''})"
        )


def victims(path: Path = Path("/dev/kmsg")) -> tuple[Victim, ...]:
    """Everybody whom the log still names, oldest first. Reads at most what the kernel holds; may take milliseconds.

    Raises:
        OSError: the log may not be read.
    """
    found = []
    log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for _ in range(_MOST):
            try:
                record = os.read(log, _RECORD_BYTES)
            except BlockingIOError:
                break  # the end of the log
            except BrokenPipeError:
                continue  # the kernel overwrote what came next; the read after it goes on with what is left
            if not record:
                break
            found += _in(record)
    finally:
        os.close(log)
    return tuple(found)


def _in(text: bytes) -> list[Victim]:
    """Victims in records such as ``3,1234,567890,-;Out of memory: Killed process 42 (python) …``."""
    found = []
    for record in text.splitlines():
        head, _, said = record.partition(b";")
        match = _KILLED.search(said)
        fields = head.split(b",")
        if match and len(fields) > 2 and fields[2].isdigit():
            found.append(
                Victim(
                    pid=int(match["pid"]),
                    name=match["name"].decode(errors="replace"),
                    at_s=int(fields[2]) / 1_000_000,
                    resident_kb=int(match["kb"]) if match["kb"] else None,
                    is_by_group=match["whose"].startswith(b"Memory cgroup"),
                )
            )
    return found
