"""Who listens where, and who is connected to whom; from ``/proc/net/tcp`` and ``tcp6``."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from paramedic.sdk import proc

_LISTEN, _ESTABLISHED = "0A", "01"
_MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A TCP port that somebody listens on."""

    host: str
    port: int
    uid: int
    socket: str
    """Its name among the descriptors of its holder."""

    @property
    def is_public(self) -> bool:
        """Whether other machines may reach it, as far as the address says."""
        return not ip_address(self.host).is_loopback

    @property
    def reached_by(self) -> str:
        """The address under which it is reached from this machine."""
        address = ip_address(self.host)
        if not address.is_unspecified:
            return self.host
        # what listens on every address of IPv6 alone answers there only; that is rare and costs one failed probe
        return "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One end of an established connection."""

    near: tuple[str, int]
    far: tuple[str, int]
    socket: str


def doors_and_links() -> tuple[tuple[Door, ...], tuple[Link, ...]]:
    """Every port that is listened on, and the connections of this machine with itself, from the caller's end."""
    doors: list[Door] = []
    links: list[Link] = []
    for table in ("tcp", "tcp6"):
        for parts in _rows(table):
            socket, near = f"socket:[{parts[9]}]", _endpoint(parts[1])
            if parts[3] == _LISTEN:
                doors.append(Door(host=near[0], port=near[1], uid=int(parts[7]), socket=socket))
            elif parts[3] == _ESTABLISHED:
                links.append(Link(near=near, far=_endpoint(parts[2]), socket=socket))
    ports = {each.port for each in doors}
    ends = {(each.near, each.far) for each in links}
    inner = (each for each in links if each.far[1] in ports and (each.far, each.near) in ends)
    return tuple(doors), tuple(inner)


def holders(sockets: Iterable[str]) -> dict[str, set[int]]:
    """Socket to the processes that hold it, as far as they may be looked into."""
    wanted = set(sockets)
    found: dict[str, set[int]] = {}
    for pid in proc.pids():
        for link in _descriptors(pid):
            if link in wanted:
                found.setdefault(link, set()).add(pid)
    return found


def open_files(pid: int) -> tuple[Path, ...]:
    """Regular paths that a process has open."""
    return tuple(Path(link) for link in dict.fromkeys(_descriptors(pid)) if link.startswith("/"))


def mapped_files(pid: int) -> frozenset[Path]:
    """Files that a process has in its memory: libraries, and what databases map."""
    try:
        rows = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(Path(row[at:]) for row in rows if (at := row.find("/")) >= 0)


def passing_ports() -> range:
    """Ports that the system gives away by itself; what listens there is seldom meant to be found."""
    with contextlib.suppress(OSError, ValueError):
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
        return range(int(low), int(high) + 1)
    return range(32768, 61000)


def _rows(table: str) -> Iterator[list[str]]:
    try:
        with Path(f"/proc/net/{table}").open(encoding="ascii") as file:
            next(file, None)
            for _, row in zip(range(_MOST_ROWS), file, strict=False):
                yield row.split()
    except OSError:
        return


def _endpoint(text: str) -> tuple[str, int]:
    """``0100007F:1F90`` -> ``("127.0.0.1", 8080)``."""
    address, _, port = text.partition(":")
    raw = bytes.fromhex(address)
    host: IPv4Address | IPv6Address
    if len(raw) == 4:
        host = IPv4Address(raw[::-1])
    else:
        long = IPv6Address(b"".join(raw[at : at + 4][::-1] for at in range(0, 16, 4)))
        host = long.ipv4_mapped or long
    return str(host), int(port, 16)


def _descriptors(pid: int) -> list[str]:
    links = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        return []
    return links
