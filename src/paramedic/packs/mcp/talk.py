"""One dialogue with a server of tools: agree on a revision, see that it lives, list its tools, say goodbye."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic import __version__
from paramedic.model.clock import Clock
from paramedic.packs.mcp.child import Child, Closed
from paramedic.packs.mcp.messages import Message, Refused, Way, result_of
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.packs.mcp.wire import Wire
from paramedic.sdk import Secret

Schema = Mapping[str, Any]  # Any: a JSON Schema
_PAGES = 100
_START_SHARE, _DISCOVER_S = 0.5, 3.0
"""A command has to start before it can answer its first question."""
_ME = {"name": "paramedic", "version": __version__}
_NAMESPACE = "io.modelcontextprotocol"
_SHOWN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a dialogue showed."""

    protocol: str
    """The revision that was agreed upon."""
    server: str
    """Its name and version, as it gives them."""
    tools: Mapping[str, Schema]
    """By name: ``inputSchema``, ``outputSchema`` and ``description``."""
    begin_ms: float
    """From nothing to an agreed revision; of a command with its start."""
    latency_ms: float
    """The quicker of two round trips."""
    liveness: str
    """The request by which it showed that it lives."""
    stray: tuple[str, ...] = ()
    """Lines on its standard output that are no messages."""
    stray_count: int = 0


class Dialogue:
    """Requests and answers, in the revision that was agreed upon."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._number = 0
        self.stage = "connecting"
        """What is being done."""
        self.revision: Revision | None = None
        self.server = "a server without a name"
        self.has_tools = True

    async def request(self, method: str, **params: Any) -> Message:  # Any: JSON
        """The result of one request. Raises ``Refused`` where the server answers with an error."""
        self._number += 1
        if self.revision is not None and not self.revision.has_handshake:  # each request says all that a session knew
            params["_meta"] = {
                f"{_NAMESPACE}/protocolVersion": self.revision,
                f"{_NAMESPACE}/clientInfo": _ME,
                f"{_NAMESPACE}/clientCapabilities": {},
            }
        message = {"jsonrpc": "2.0", "id": self._number, "method": method}
        if params:
            message["params"] = params
        return result_of(await self._way.ask(message, self._headers(method, params)))

    async def agree(self, wanted: Revision | None, discover_s: float, *, newest_first: bool) -> None:
        """Agree on a revision: the one that is wanted, or any. It may be another one, which then stands here."""
        self.stage = "agreeing on a revision"
        if wanted is not None and wanted.has_handshake:
            await self._shake_hands(wanted)
            return
        failed: Exception | None = None
        if wanted is not None or newest_first:
            try:
                async with asyncio.timeout(discover_s):
                    await self._discover()
            except (Refused, TimeoutError) as error:
                failed = error
            except NoTalk as no:
                if no.why not in (Why.STATUS, Why.PROTOCOL, Why.SILENT) or no.status in (401, 403):
                    raise
                failed = no
            else:
                return
        try:
            await self._shake_hands(Revision.NOVEMBER_2025)
        except Refused as refused:
            supported = _supported(failed) or _supported(refused)
            if isinstance(failed, TimeoutError) and Revision.JULY_2026 in supported:
                await self._discover()  # it answered the first question late, and holds us to that
                return
            if supported:
                raise NoTalk(Why.VERSION, f"it speaks {', '.join(supported)}") from None
            raise

    async def tools(self) -> dict[str, Schema]:
        """Every tool by its name."""
        found: dict[str, Schema] = {}
        cursor: str | None = None
        for _ in range(_PAGES if self.has_tools else 0):
            page = await self.request("tools/list", **({"cursor": cursor} if cursor else {}))
            for tool in _field(page, "tools", list):
                name = _field(tool, "name", str, "tools")
                found[name] = {
                    "inputSchema": _field(tool, "inputSchema", dict, "tools"),
                    "outputSchema": _field(tool, "outputSchema", dict, "tools", may_lack=True),
                    "description": _field(tool, "description", str, "tools", may_lack=True),
                }
            cursor = _field(page, "nextCursor", str, may_lack=True)
            if not cursor:
                return found
        if not self.has_tools:
            return {}
        raise NoTalk(Why.PROTOCOL, f"its list of tools does not end within {_PAGES} pages")

    async def _discover(self) -> None:
        """As revisions without a handshake begin."""
        self.revision = Revision.JULY_2026
        try:
            result = await self.request("server/discover")
            if Revision.JULY_2026 not in (supported := _field(result, "supportedVersions", list)):
                raise NoTalk(Why.PROTOCOL, f"it speaks {', '.join(map(str, supported))}")
        except BaseException:
            self.revision = None
            raise
        meta = result.get("_meta")
        self._name(meta.get(f"{_NAMESPACE}/serverInfo") if isinstance(meta, dict) else None)

    async def _shake_hands(self, offer: Revision) -> None:
        result = await self.request("initialize", protocolVersion=offer, capabilities={}, clientInfo=_ME)
        agreed = _field(result, "protocolVersion", str)
        if agreed not in [str(each) for each in Revision if each.has_handshake]:
            raise NoTalk(Why.VERSION, f"it speaks {agreed}")
        self.has_tools = isinstance(_field(result, "capabilities", dict).get("tools"), dict)
        self._name(_field(result, "serverInfo", dict))
        self.revision = Revision(agreed)
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await self._way.tell(message, self._headers(message["method"], {}))

    def _name(self, info: object) -> None:
        if isinstance(info, dict):
            self.server = f"{info.get('name', '')} {info.get('version', '')}".strip() or self.server

    def _headers(self, method: str, params: Message) -> dict[str, str]:
        """What revisions want to be said over HTTP beside the message."""
        if self.revision is None:
            return {}
        headers = {"MCP-Protocol-Version": str(self.revision)}
        if not self.revision.has_handshake:
            headers["Mcp-Method"] = method
            if "name" in params:
                headers["Mcp-Name"] = str(params["name"])
        return headers


async def visit(server: Mcp, folder: Path, *, limit_s: float, clock: Clock, newest_first: bool = True) -> Seen:
    """Talk to it once.

    Args:
        server: to whom.
        folder: where a command is run that names no folder of its own.
        limit_s: how long all of it may take.
        clock: for the measurements.
        newest_first: whether to ask for the newest revision before the handshake of the older ones.

    Raises:
        NoTalk: why there was no dialogue.
    """
    seen: Seen | None = None
    try:
        async with _opened(server, folder, limit_s=limit_s, clock=clock) as (dialogue, child):
            began = clock.monotonic()
            await dialogue.agree(server.protocol, _discover_s(server, limit_s), newest_first=newest_first)
            begin_ms = (clock.monotonic() - began) * 1000
            assert dialogue.revision is not None
            times, liveness = [], "tools/list"
            if dialogue.revision.has_handshake:
                dialogue.stage, liveness = "asking whether it lives", "ping"
                began = clock.monotonic()
                await dialogue.request("ping")
                times.append((clock.monotonic() - began) * 1000)
            dialogue.stage = "listing its tools"
            began = clock.monotonic()
            tools = await dialogue.tools()
            times.append((clock.monotonic() - began) * 1000)
            seen = Seen(
                protocol=str(dialogue.revision),
                server=dialogue.server,
                tools=tools,
                begin_ms=begin_ms,
                latency_ms=min(times),
                liveness=liveness,
                stray=tuple(child.stray) if child else (),
                stray_count=child.stray_count if child else 0,
            )
    except NoTalk:
        if seen is None:  # else it only took long to say goodbye
            raise
    assert seen is not None
    return seen


async def call(
    server: Mcp, folder: Path, tool: str, arguments: Mapping[str, Any], *, limit_s: float, clock: Clock
) -> Message:
    """Call one tool, and give its result. Raises ``NoTalk``."""
    async with _opened(server, folder, limit_s=limit_s, clock=clock) as (dialogue, _):
        await dialogue.agree(server.protocol, _discover_s(server, limit_s), newest_first=True)
        dialogue.stage = f"calling `{tool}`"
        return await dialogue.request("tools/call", name=tool, arguments=dict(arguments))


@asynccontextmanager
async def _opened(
    server: Mcp, folder: Path, *, limit_s: float, clock: Clock
) -> AsyncIterator[tuple[Dialogue, Child | None]]:
    """A dialogue that is about to begin; whatever goes wrong in it is a ``NoTalk``."""
    env = {name: each.reveal() if isinstance(each, Secret) else each for name, each in server.env.items()}
    child = Child(server.command, server.cwd or folder, env) if server.url is None else None
    way = child or Wire(server, clock)
    dialogue = Dialogue(way)
    try:
        async with asyncio.timeout(limit_s), way:
            yield dialogue, child
    except NoTalk as no:
        no.stage = no.stage or dialogue.stage
        raise
    except TimeoutError:
        raise _of_silence(child, dialogue.stage, limit_s) from None
    except Closed:
        assert child is not None
        raise _ended(child, dialogue.stage) from None
    except Refused as refused:
        if child is not None and child.exit_code is not None and not child.ended_by_us:
            raise _ended(child, dialogue.stage) from None
        raise NoTalk(Why.ERROR, str(refused), stage=dialogue.stage) from None


def _discover_s(server: Mcp, limit_s: float) -> float:
    return min(_DISCOVER_S, limit_s / 4) if server.url else limit_s * _START_SHARE


def _field(result: object, name: str, kind: type, within: str = "", *, may_lack: bool = False) -> Any:  # Any: JSON
    """What a result has there, if it is of the kind that the protocol promises."""
    value = result.get(name) if isinstance(result, dict) else None
    if isinstance(value, kind) or (may_lack and value is None):
        return value
    where = f"{within}.{name}" if within else name
    said = f"`{where}` of its answer is {'missing' if value is None else 'something else than it has to be'}"
    raise NoTalk(Why.PROTOCOL, said, line=json.dumps(result)[:_SHOWN])


def _supported(error: Exception | None) -> tuple[str, ...]:
    """The revisions that a server named while it refused ours."""
    if isinstance(error, Refused) and isinstance(error.data, dict):
        named = error.data.get("supported")
        return tuple(map(str, named)) if isinstance(named, list) else ()
    return ()


def _of_silence(child: Child | None, stage: str, limit_s: float) -> NoTalk:
    said = f"no answer within {limit_s:.1f} s while {stage}"
    if child is None:
        return NoTalk(Why.SILENT, said, stage=stage)
    if child.exit_code is not None and not child.ended_by_us:
        return _ended(child, stage)
    if child.stray:
        said = "it writes lines that are no messages, and none that is one"
        return NoTalk(Why.PROTOCOL, said, line=child.stray[0], last_words=child.last_words, stage=stage)
    return NoTalk(Why.SILENT, said, last_words=child.last_words, stage=stage)


def _ended(child: Child, stage: str) -> NoTalk:
    """What the end of a server's output means."""
    line = child.stray[0] if child.stray else None
    code = child.exit_code if not child.ended_by_us else None
    why, said = Why.EXITED, "it closed its output and lives on" if code is None else _how_it_ended(code)
    if code is None and line is not None:
        why = Why.PROTOCOL
        said = "a line of its output does not end" if child.too_long else "it closed its output amid other lines"
    return NoTalk(why, said, exit_code=code, last_words=child.last_words, line=line, stage=stage)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"it exited with code {code}"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by signal {-code}"
