"""What /proc says of processes: who they are, what they were started with, which ports they hold."""

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TOKEN_VARIABLE = "PARAMEDIC_LAUNCH"  # noqa: S105  # the name of a variable
_LISTEN = "0A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process that is never mistaken for a later one with the same pid."""

    boot_id: str
    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who listens on a port."""

    pid: int
    uid: int
    command: tuple[str, ...]


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Unique to this boot of the machine (of this container, where it has its own)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """The identity of a living process; ``None`` if it is gone or a zombie."""
    fields = _stat(pid)
    if not fields or fields[0] in (b"Z", b"X"):
        return None
    return Identity(boot_id=boot_id(), pid=pid, start_ticks=int(fields[19]))


def is_suspended(pid: int) -> bool:
    """Whether it was stopped by a signal (SIGSTOP) or a debugger: it lives and does nothing."""
    return _stat(pid)[:1] in ([b"T"], [b"t"])


def parent(pid: int) -> int | None:
    """The process that it is a child of."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def session(pid: int) -> int | None:
    """Its session, named by the pid of the process that began it."""
    fields = _stat(pid)
    return int(fields[3]) if fields else None


def _stat(pid: int) -> list[bytes]:
    """What ``/proc/PID/stat`` says after the name; empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return []
    return stat[stat.rindex(b")") + 2 :].split()


def uptime_s(who: Identity) -> float:
    """Seconds since the process started."""
    return float(Path("/proc/uptime").read_text().split()[0]) - who.start_ticks / os.sysconf("SC_CLK_TCK")


def pids() -> tuple[int, ...]:
    """Every process that can be seen."""
    return tuple(int(name) for name in os.listdir("/proc") if name.isdigit())


def command(pid: int) -> tuple[str, ...]:
    """Its command line; empty for kernel threads, zombies and the dead."""
    try:
        return tuple(
            part.decode(errors="replace") for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        )
    except OSError:
        return ()


def uid(pid: int) -> int | None:
    """Its owner."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def token(pid: int) -> str | None:
    """The launch token in its environment, where it has one that we may read."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    prefix = TOKEN_VARIABLE.encode() + b"="
    if prefix not in environment:
        return None
    found = (part for part in environment.split(b"\0") if part.startswith(prefix))
    return next((part[len(prefix) :].decode(errors="replace") for part in found), None)


def launched(wanted: set[str]) -> dict[str, int]:
    """Launch token to pid of the eldest living process that carries it (its children inherit the token)."""
    found: dict[str, Identity] = {}
    for pid in pids():
        carried = token(pid)
        if (
            carried in wanted
            and (who := identity(pid))
            and (carried not in found or who.start_ticks < found[carried].start_ticks)
        ):
            found[carried] = who
    return {each: who.pid for each, who in found.items()}


def carriers(wanted: str) -> tuple[Identity, ...]:
    """Every living process that carries a launch token: the one that was launched and what descends from it."""
    return tuple(who for pid in pids() if token(pid) == wanted and (who := identity(pid)))


def listeners(port: int) -> dict[str, int]:
    """Sockets that listen on a TCP port, at any address, with the uid of each; cheap, it opens no process."""
    sockets: dict[str, int] = {}
    mark = f":{port:04X} "
    for table in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            if mark not in row:
                continue  # thousands of closing connections must not cost anything
            parts = row.split()
            if parts[3] == _LISTEN and parts[1].endswith(mark.rstrip()):
                sockets[f"socket:[{parts[9]}]"] = int(parts[7])
    return sockets


def holders(port: int) -> tuple[Holder, ...]:
    """Processes that listen on a TCP port, at any address. A holder that we may not look into has pid 0."""
    sockets = listeners(port)
    if not sockets:
        return ()
    found: dict[int, Holder] = {}
    seen: set[str] = set()
    for pid in pids():
        for link in links(pid):
            if link in sockets:
                seen.add(link)
                found[pid] = Holder(pid=pid, uid=sockets[link], command=command(pid))
    hidden = next((owner for link, owner in sockets.items() if link not in seen), None)
    if hidden is not None:
        found[0] = Holder(pid=0, uid=hidden, command=())
    return tuple(found.values())


def links(pid: int) -> list[str]:
    """What its descriptors point at; one that closes meanwhile (in our own case the listing's) is left out."""
    links = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        return []
    return links
