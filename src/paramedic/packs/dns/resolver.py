"""The system's resolver, asked as any program on this machine asks it."""

import asyncio
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import partial

from paramedic.model.clock import Clock
from paramedic.packs.dns.wire import Record
from paramedic.sdk.blocking import in_thread

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_FAMILIES = {Record.A: socket.AF_INET, Record.AAAA: socket.AF_INET6}
_KEY = "asking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the system's resolver said."""

    addresses: tuple[str, ...] = ()
    refusal: str = ""
    """Why there are none, in the resolver's words."""
    is_certain: bool = True
    """Whether a refusal is about the name; else the resolver could not find out."""
    took_ms: float = 0.0


async def resolve(
    name: str, records: tuple[Record, ...], limit_s: float, clock: Clock, memory: MutableMapping[str, object]
) -> Resolved | None:
    """Ask; ``None`` where no answer came in time.

    The question goes on, on a thread that cannot be interrupted. It is kept in ``memory``, and a later look waits for
    it instead of asking anew: a dead resolver holds one thread, however often one looks.
    """
    asking = memory.get(_KEY)
    if not isinstance(asking, asyncio.Task):
        asking = memory[_KEY] = asyncio.create_task(_ask(name, records, clock))
    done, _ = await asyncio.wait({asking}, timeout=limit_s)
    if not done:
        return None
    del memory[_KEY]
    resolved: Resolved = asking.result()
    return resolved


async def _ask(name: str, records: tuple[Record, ...], clock: Clock) -> Resolved:
    began = clock.monotonic()
    told = partial(_told, clock, began)
    family = socket.AF_UNSPEC if len(records) != 1 else _FAMILIES[records[0]]
    try:
        rows = await in_thread(socket.getaddrinfo, name, None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        return told(refusal=error.strerror or str(error), is_certain=error.errno in _NO_SUCH_NAME)
    except UnicodeError:
        return told(refusal="not a valid host name")
    except OSError as error:
        return told(refusal=error.strerror or str(error), is_certain=False)
    return told(addresses=tuple(dict.fromkeys(str(row[4][0]) for row in rows)))


def _told(
    clock: Clock, began: float, *, addresses: tuple[str, ...] = (), refusal: str = "", is_certain: bool = True
) -> Resolved:
    took_ms = (clock.monotonic() - began) * 1000
    return Resolved(addresses=addresses, refusal=refusal, is_certain=is_certain, took_ms=took_ms)
