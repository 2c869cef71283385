"""Name servers, asked directly: does one answer, and what?"""

import asyncio
import errno
import secrets
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from paramedic.packs.dns.target import DNS_PORT, is_address
from paramedic.packs.dns.wire import Message, NoMessage, Record, answer, question
from paramedic.sdk.files import read_whole
from paramedic.sdk.pack import Address
from paramedic.sdk.patience import fair_timeout

RESOLV_CONF = Path("/etc/resolv.conf")
_MOST_SERVERS = 3
"""So many the C library asks."""
_LONGEST = 65_535
_LARGEST_FILE = 1 << 16
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


class Manner(StrEnum):
    """How a name server behaved."""

    ANSWERED = "answered"
    SILENT = "silent"
    CLOSED = "closed"
    """Its machine answers that nobody listens."""
    NO_WAY = "no-way"
    """This machine knows no way to it."""
    GARBLED = "garbled"
    """What it sent is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of asking one name server for one kind of address."""

    server: str
    record: Record
    manner: Manner
    message: Message | None = None

    @property
    def told(self) -> str:
        """In words."""
        match self.manner:
            case Manner.ANSWERED:
                return f"{self.server} answered {self.message.title if self.message else ''}"
            case Manner.SILENT:
                return f"{self.server} did not answer"
            case Manner.CLOSED:
                return f"nobody listens at {self.server}"
            case Manner.NO_WAY:
                return f"there is no way to {self.server}"
            case Manner.GARBLED:
                return f"what {self.server} sent is no answer"


def configured() -> tuple[Address, ...]:
    """The name servers that this machine's resolver asks."""
    try:
        lines = read_whole(RESOLV_CONF, _LARGEST_FILE).decode(errors="replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    named = [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"]
    return tuple((each, DNS_PORT) for each in named if is_address(each))[:_MOST_SERVERS] or (("127.0.0.1", DNS_PORT),)


async def consult(
    name: str, servers: Sequence[Address], limit_s: float, records: Sequence[Record] = (Record.A,)
) -> tuple[Heard, ...]:
    """Ask name servers side by side.

    Raises:
        UnicodeError: it cannot be a name.
        OSError: this machine could not even ask, as when it is out of descriptors.
    """
    asking = (_ask(name, server, record, limit_s) for server in servers for record in records)
    replies = await asyncio.gather(*asking, return_exceptions=True)
    for each in replies:
        if isinstance(each, BaseException):
            raise each
    return tuple(each for each in replies if isinstance(each, Heard))


async def _ask(name: str, server: Address, record: Record, limit_s: float) -> Heard:
    asked = question(name, record, secrets.randbelow(1 << 16))
    place = server[0] if server[1] == DNS_PORT else f"{server[0]} port {server[1]}"

    def heard(manner: Manner, message: Message | None = None) -> Heard:
        return Heard(server=place, record=record, manner=manner, message=message)

    try:
        async with fair_timeout(limit_s):
            message = await _over_udp(asked, server, limit_s / 3)
            if message.is_truncated and not message.addresses:
                message = await _over_tcp(asked, server)
        return heard(Manner.ANSWERED, message)
    except TimeoutError:
        return heard(Manner.SILENT)
    except ConnectionRefusedError:
        return heard(Manner.CLOSED)
    except (NoMessage, ConnectionError, asyncio.IncompleteReadError):
        return heard(Manner.GARBLED)
    except OSError as error:
        if error.errno in _NO_WAY:
            return heard(Manner.NO_WAY)
        raise


async def _over_udp(asked: bytes, server: Address, again_s: float) -> Message:
    """Ask, and once again when nothing comes: a packet may be lost. What answers another question is passed over."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        await loop.sock_connect(channel, server)
        await loop.sock_sendall(channel, asked)
        try:
            async with fair_timeout(again_s):
                return await _receive(channel, asked)
        except TimeoutError:
            await loop.sock_sendall(channel, asked)
        return await _receive(channel, asked)


async def _receive(channel: socket.socket, asked: bytes) -> Message:
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(channel, _LONGEST)
        if data[:2] == asked[:2]:
            return answer(data, asked)


async def _over_tcp(asked: bytes, server: Address) -> Message:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(struct.pack("!H", len(asked)) + asked)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return answer(await reader.readexactly(length), asked)
    finally:
        writer.transport.abort()
