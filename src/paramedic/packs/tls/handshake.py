"""One TLS handshake, and what it shows."""

import asyncio
import ssl
from dataclasses import dataclass, field

from paramedic.model.clock import Clock
from paramedic.packs.tcp.connect import opened
from paramedic.packs.tls.target import Tls
from paramedic.sdk.patience import fair_timeout
from paramedic.sdk.system_error import in_words

_CHUNK = 1 << 14
_DER = 2
"""``_ssl.ENCODING_DER``."""
_TLS_RECORDS = (0x14, 0x15, 0x16, 0x17)
_EXCERPT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaken:
    """A handshake that ended well."""

    version: str
    """Such as ``TLSv1.3``."""
    presented: tuple[bytes, ...]
    """The certificates that were sent, the server's own first (DER)."""
    verified: tuple[bytes, ...]
    """The certificates that lead from the server's own to a trusted authority; empty where nothing was verified."""
    took_ms: float
    """From the first byte to the last, the TCP connection left out."""


class NotTrusted(Exception):
    """The certificate was refused; the message is that of OpenSSL."""

    def __init__(self, error: ssl.SSLCertVerificationError) -> None:
        super().__init__(error.verify_message)
        self.code: int = error.verify_code
        """``X509_V_ERR_…`` of OpenSSL."""


class Failed(Exception):
    """No TLS was agreed upon; the message says what was seen."""


class Hanging(Exception):
    """The server accepted the connection and then did not go on."""


@dataclass(slots=True, kw_only=True)
class _Wire:
    """Between OpenSSL, which knows no sockets, and the connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    said: bytes = b""
    """The first bytes that came."""
    came: int = 0

    def send(self) -> None:
        """Pass on what OpenSSL wants said."""
        self.writer.write(self.outgoing.read())

    async def receive(self) -> None:
        """Wait for more, or for the end."""
        await self.writer.drain()
        data = await self.reader.read(_CHUNK)
        self.came += len(data)
        self.said += data[: _EXCERPT - len(self.said)]
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()


async def shake(server: Tls, context: ssl.SSLContext, limit_s: float, clock: Clock) -> Shaken:
    """Connect, shake hands, hang up.

    Raises:
        Unresolved, Refused, Silent, OSError: as ``opened`` does.
        NotTrusted: the certificate was refused.
        Failed: it ended without an agreement.
        Hanging: it did not end within the limit.
    """
    ends = clock.monotonic() + limit_s
    reader, writer, _ = await opened(server.host, server.port, limit_s, clock)
    wire = _Wire(reader=reader, writer=writer)
    began = clock.monotonic()
    try:
        async with fair_timeout(max(0.01, ends - began)):
            tls = await _agree(wire, context, server.name)
    except TimeoutError:
        raise Hanging(f"{wire.came} bytes came in {limit_s:.1f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NotTrusted(error) from None
    except ssl.SSLError as error:
        raise Failed(_reason(error, wire.said)) from None
    except ConnectionError as error:
        raise Failed(f"the connection broke off: {in_words(error)}") from None
    finally:
        writer.close()
    return Shaken(
        version=tls.version() or "",
        presented=_chain(tls, "get_unverified_chain"),
        verified=_chain(tls, "get_verified_chain") if context.verify_mode is ssl.CERT_REQUIRED else (),
        took_ms=(clock.monotonic() - began) * 1000,
    )


async def _agree(wire: _Wire, context: ssl.SSLContext, name: str) -> ssl.SSLObject:
    tls = context.wrap_bio(wire.incoming, wire.outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            wire.send()
            await wire.receive()
        except ssl.SSLError:
            wire.send()  # the alert, so that the server knows, too
            raise
        else:
            wire.send()
            return tls


def _chain(tls: ssl.SSLObject, which: str) -> tuple[bytes, ...]:
    """A chain of certificates; public from Python 3.13 on, before that of the object beneath."""
    if public := getattr(tls, which, None):
        return tuple(public())
    if beneath := getattr(getattr(tls, "_sslobj", None), which, None):
        return tuple(each.public_bytes(_DER) for each in beneath() or ())
    leaf = tls.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()


def _reason(error: ssl.SSLError, said: bytes) -> str:
    if said and said[0] not in _TLS_RECORDS:
        return f"what it sends is no TLS: {said.decode('latin-1')!a}"
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection in the middle of the handshake"
    return (error.reason or str(error)).replace("_", " ").lower()
