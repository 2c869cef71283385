"""From a host's name to its addresses, without ever waiting longer than allowed."""

import ipaddress
import socket

from paramedic.sdk.blocking import in_thread
from paramedic.sdk.patience import fair_timeout


class Unresolved(Exception):
    """A name has no address; the message says what the resolver said."""


async def addresses(host: str, port: int, limit_s: float) -> tuple[str, ...]:
    """Every address of a host, in the order in which they should be tried.

    The system's resolver is asked on a thread of its own: it may hang for minutes and cannot be interrupted.

    Raises:
        Unresolved: the name has no address, or the resolver gave no answer in time.
    """
    try:
        return (str(ipaddress.ip_address(host.strip("[]"))),)
    except ValueError:
        pass  # a name, then
    try:
        async with fair_timeout(limit_s):
            rows = await in_thread(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    except TimeoutError:
        raise Unresolved(f"no answer from the resolver within {limit_s:.1f} s") from None
    except socket.gaierror as error:
        raise Unresolved(error.strerror or str(error)) from None
    except UnicodeError:
        raise Unresolved("not a valid host name") from None
    return tuple(dict.fromkeys(str(row[4][0]) for row in rows))
