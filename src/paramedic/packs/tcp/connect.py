"""One TCP connection, and how it can fail."""

import asyncio
import errno

from paramedic.model.clock import Clock
from paramedic.packs.tcp.resolve import addresses
from paramedic.sdk.patience import fair_timeout
from paramedic.sdk.system_error import in_words

NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT}


class Refused(Exception):
    """The machine answers; nobody listens on the port."""


class Silent(Exception):
    """The attempt ended without an answer, or there is no way to the machine."""


async def latency_ms(host: str, port: int, limit_s: float, clock: Clock) -> float:
    """Open and close a connection; how long the opening took, in milliseconds. Raises what ``opened`` raises."""
    _, writer, took_ms = await opened(host, port, limit_s, clock)
    writer.transport.abort()
    return took_ms


async def opened(
    host: str, port: int, limit_s: float, clock: Clock
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, float]:
    """Open a connection, and how long that took, in milliseconds.

    Every address of the host is tried until one accepts.

    Raises:
        Unresolved: the name has no address.
        Refused: at least one address answered, and with a refusal.
        Silent: no address answered within the limit.
        OSError: this machine could not even try, as when it is out of descriptors.
    """
    began = clock.monotonic()
    candidates = await addresses(host, port, limit_s)
    refusals: list[str] = []
    silences: list[str] = []
    own_failure: OSError | None = None
    for index, address in enumerate(candidates):
        share_s = max(0.01, (limit_s - (clock.monotonic() - began)) / (len(candidates) - index))
        tried = clock.monotonic()
        try:
            async with fair_timeout(share_s):
                reader, writer = await asyncio.open_connection(address, port)
        except ConnectionRefusedError:
            refusals.append(address)
        except TimeoutError:
            silences.append(f"{address} did not answer within {share_s:.1f} s")
        except OSError as error:
            if error.errno not in NO_WAY:
                own_failure = error  # perhaps of this kind of address only: no IPv6 here, say
                continue
            silences.append(f"{address}: {in_words(error)}")
        else:
            return reader, writer, (clock.monotonic() - tried) * 1000
    if refusals:
        raise Refused(", ".join(refusals))
    if own_failure and not silences:
        raise own_failure
    raise Silent("; ".join(silences))
