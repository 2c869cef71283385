"""Questions to a name server and its answers, as bytes (RFC 1035); addresses are all that is asked for."""

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_RECURSION_DESIRED = 0x0100
_IS_ANSWER = 0x8000
_TRUNCATED = 0x0200
_INTERNET = 1
_POINTER = 0xC0
_NAMES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Record(IntEnum):
    """Kinds of address."""

    A = 1
    AAAA = 28


class NoMessage(ValueError):
    """Bytes that are no answer to the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A name server's answer."""

    rcode: int
    addresses: tuple[str, ...]
    is_truncated: bool

    @property
    def title(self) -> str:
        """Such as ``NXDOMAIN``."""
        return _NAMES.get(self.rcode, f"RCODE {self.rcode}")


def question(name: str, record: Record, number: int) -> bytes:
    """The bytes that ask for a name's addresses.

    Raises:
        UnicodeError: it cannot be a name.
    """
    labels = name.rstrip(".").encode("idna").split(b".")
    if sum(len(each) + 1 for each in labels) > 254:
        raise UnicodeError("name too long")
    encoded = b"".join(bytes((len(each),)) + each for each in labels) + b"\0"
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + encoded + struct.pack("!HH", record, _INTERNET)


def answer(data: bytes, asked: bytes) -> Message:
    """Understand an answer to a question.

    Raises:
        NoMessage: it is none, or is cut off.
    """
    try:
        number, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        if number != _HEADER.unpack_from(asked)[0] or not flags & _IS_ANSWER:
            raise NoMessage("an answer to another question")
        at = _HEADER.size
        for _ in range(questions):
            at = _after_name(data, at) + 4
        addresses: list[str] = []
        is_truncated = bool(flags & _TRUNCATED)
        for _ in range(answers):
            at = _after_name(data, at)
            kind, family, _, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            content = data[at : at + length]
            if len(content) < length:
                raise NoMessage("it is cut off")
            if family == _INTERNET and (kind, length) in ((Record.A, 4), (Record.AAAA, 16)):
                addresses.append(str(ipaddress.ip_address(content)))
            at += length
    except (struct.error, IndexError) as error:
        raise NoMessage("it is cut off") from error
    return Message(rcode=flags & 0xF, addresses=tuple(dict.fromkeys(addresses)), is_truncated=is_truncated)


def _after_name(data: bytes, at: int) -> int:
    """Where the name that begins here ends. It is not read: a pointer ends it, so nothing can go in circles."""
    while length := data[at]:
        if length & _POINTER == _POINTER:
            return at + 2
        at += 1 + length
    return at + 1
