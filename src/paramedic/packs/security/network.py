"""Who can reach the service, and how well what passes is protected."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from paramedic.packs.security.codes import LISTENING, TLS_OUTDATED
from paramedic.packs.security.settings import is_loopback
from paramedic.packs.security.target import Security
from paramedic.packs.tcp.connect import Refused, Silent
from paramedic.packs.tcp.resolve import Unresolved
from paramedic.packs.tls import trust
from paramedic.packs.tls.handshake import Failed, Hanging, NotTrusted, shake
from paramedic.packs.tls.target import Tls
from paramedic.sdk import Component, Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

_LISTEN = "0A"
_AT_ONCE = 4
_SHARE = 0.4
_SECURE = {"https": 443, "wss": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """Where a component says that it listens."""

    name: str
    host: str
    port: int
    is_secure: bool = False


@check(LISTENING, of=Security, timeout_s=10, every_s=60)
async def listening(security: Security, context: Context) -> list[Finding]:
    """What only this machine needs is listened for on this machine alone.

    Looks at: every component whose address is on the loopback, and at which addresses its port is listened on.
    Why: a database or model server that needs no password on a laptop is open to everybody on the network.
    By hand: ``ss -ltn``
    Healed by: advice only: bind it to 127.0.0.1, or name its port in ``public_ports``.
    """
    doors = [each for each in _doors(context.service.components.values()) if is_loopback(each.host)]
    try:
        heard = await in_thread(_heard)
    except OSError as error:
        return [context.unknown(f"/proc/net/tcp cannot be read: {error.strerror}")]
    wide = [
        (each, heard[each.port])
        for each in doors
        if each.port not in security.public_ports and any(not is_loopback(place) for place in heard.get(each.port, ()))
    ]
    if not wide:
        return [context.ok(f"{len(doors)} addresses on this machine are for this machine alone")]
    door, places = wide[0]
    return [
        context.warning(
            LISTENING,
            observed=f"`{door.name}` is used at `{door.host}:{door.port}`, and its port is open at {', '.join(places)}"
            + (f"; {len(wide) - 1} more are open like this" if len(wide) > 1 else ""),
            expected=f"a listener at `{door.host}` alone",
            hint=f"bind it to 127.0.0.1, or name {door.port} in `public_ports` of `{context.component.name}`",
            evidence=tuple(
                Evidence(label=f"{each.name}, port {each.port}", text=", ".join(where)) for each, where in wide[:10]
            ),
        )
    ]


@check(TLS_OUTDATED, of=Security, timeout_s=20, every_s=3600)
async def protocols(security: Security, context: Context) -> list[Finding]:
    """Servers refuse the versions of TLS that are broken.

    Looks at: one handshake with every declared https, wss and TLS address that offers TLS 1.0 and 1.1 alone.
    Why: what passes under them can be read and changed on the way.
    By hand: ``openssl s_client -connect HOST:PORT -tls1_1 </dev/null``
    Healed by: advice only: set TLS 1.2 as the lowest version in the server's settings.
    """
    doors = [each for each in _doors(context.service.components.values()) if each.is_secure]
    doors += [door for text in security.tls if (door := _door(text))]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(door: _Door) -> tuple[_Door, str | None, str]:
        async with slots:
            return door, *await _oldest(door, context)

    answers = await asyncio.gather(*(ask(each) for each in doors))
    old = [(door, version) for door, version, _ in answers if version]
    if old:
        door, version = old[0]
        return [
            context.warning(
                TLS_OUTDATED,
                observed=f"`{door.name}` at `{door.host}:{door.port}` speaks {version}"
                + (f", and {len(old) - 1} more do" if len(old) > 1 else ""),
                expected="TLS 1.2 or newer, and nothing else",
                hint="set TLS 1.2 as the lowest version in its settings",
                evidence=tuple(Evidence(label=f"{each.host}:{each.port}", text=spoken) for each, spoken in old),
            )
        ]
    blind = [f"`{door.host}:{door.port}`: {why}" for door, _, why in answers if why]
    if blind:
        return [context.unknown(f"not every address could be asked: {blind[0]}")]
    return [context.ok(f"{len(doors)} addresses refuse broken versions of TLS")]


async def _oldest(door: _Door, context: Context) -> tuple[str | None, str]:
    """The old version that it speaks, and why that cannot be told."""
    server = Tls(host=door.host, port=door.port)
    try:
        return (await shake(server, trust.ancient(), context.remaining_s * _SHARE, context.clock)).version, ""
    except (Failed, NotTrusted):
        return None, ""
    except (Hanging, Refused, Silent, Unresolved, OSError) as error:
        return None, str(error)


def _doors(components: Iterable[Component]) -> Iterator[_Door]:
    for each in components:
        yield from _doors_of(each)


def _doors_of(component: Component) -> Iterator[_Door]:
    target, name = component.target, component.name
    url, host, port = (getattr(target, each, None) for each in ("url", "host", "port"))
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            number = parts.port or {"http": 80, "ws": 80, **_SECURE}.get(parts.scheme)
        except ValueError:
            return
        if parts.hostname and number:
            yield _Door(name=name, host=parts.hostname, port=number, is_secure=parts.scheme in _SECURE)
    elif isinstance(port, int) and component.kind != "dns":
        is_tls = isinstance(target, Tls)
        yield _Door(name=name, host=host if isinstance(host, str) else "localhost", port=port, is_secure=is_tls)
    elif component.process and component.process.port:
        yield _Door(name=name, host="localhost", port=component.process.port)


def _door(text: str) -> _Door | None:
    host, _, port = text.rpartition(":")
    return _Door(name=text, host=host.strip("[]"), port=int(port), is_secure=True) if port.isdecimal() else None


def _heard() -> dict[int, tuple[str, ...]]:
    """Port to the addresses at which somebody listens on it."""
    found: dict[int, list[str]] = {}
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for row in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = row.split()
            if fields[3] == _LISTEN:
                address, port = fields[1].rsplit(":", 1)
                found.setdefault(int(port, 16), []).append(_spelled(address))
    return {port: tuple(sorted(set(places))) for port, places in found.items()}


def _spelled(hexadecimal: str) -> str:
    """An address as the kernel prints it: words of four bytes, each in the order of the machine."""
    octets = b"".join(bytes.fromhex(hexadecimal[at : at + 8])[::-1] for at in range(0, len(hexadecimal), 8))
    address = ip_address(octets)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
