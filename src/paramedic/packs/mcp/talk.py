"""One dialogue with a server of tools: agree on a revision, see that it lives, list its tools, say goodbye.

Uses the official client library; import it only where that is installed.
"""

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from paramedic import __version__
from paramedic.model.clock import Clock
from paramedic.packs.mcp.child import Child
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.packs.mcp.wire import SESSION, Recorder, client
from paramedic.packs.tcp.entry import Why as Way
from paramedic.packs.tcp.entry import by_cause
from paramedic.sdk import Secret
from paramedic.sdk.patience import fair_timeout

for _name in ("mcp", "client", "httpx2", "httpcore2"):  # they tell at length what we tell ourselves
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

Schema = Mapping[str, Any]  # Any: a JSON Schema
_PAGES = 100
_GOODBYE_S = 0.5
_START_SHARE, _DISCOVER_S = 0.5, 3.0
"""A command has to start before it can answer its first question."""
_ME = types.Implementation(name="paramedic", version=__version__)


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


@dataclass(slots=True)
class Line:
    """An open dialogue."""

    session: ClientSession
    child: Child | None = None
    recorder: Recorder | None = None
    stage: str = "connecting"


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
        async with opened(server, folder, limit_s=limit_s) as line:
            seen = await _look(line, server, limit_s, clock, newest_first=newest_first)
    except NoTalk:
        if seen is None:  # else it only took long to say goodbye
            raise
    assert seen is not None
    return seen


async def _look(line: Line, server: Mcp, limit_s: float, clock: Clock, *, newest_first: bool) -> Seen:
    began = clock.monotonic()
    await _agree(line, server.protocol, limit_s, newest_first=newest_first)
    begin_ms = (clock.monotonic() - began) * 1000
    line.stage = "asking whether it lives"
    times, liveness = [], "tools/list"
    if line.session.initialize_result is not None:
        liveness = "ping"
        began = clock.monotonic()
        await line.session.send_ping()
        times.append((clock.monotonic() - began) * 1000)
    line.stage = "listing its tools"
    began = clock.monotonic()
    tools = await _tools(line.session)
    times.append((clock.monotonic() - began) * 1000)
    info, child = line.session.server_info, line.child
    return Seen(
        protocol=line.session.protocol_version or "",
        server=f"{info.name} {info.version}".strip() if info else "a server without a name",
        tools=tools,
        begin_ms=begin_ms,
        latency_ms=min(times),
        liveness=liveness,
        stray=tuple(child.stray) if child else (),
        stray_count=child.stray_count if child else 0,
    )


async def call(
    server: Mcp, folder: Path, tool: str, arguments: Mapping[str, Any], *, limit_s: float
) -> Mapping[str, Any]:
    """Call one tool, and give its result as JSON. Raises ``NoTalk``."""
    async with opened(server, folder, limit_s=limit_s) as line:
        await _agree(line, server.protocol, limit_s, newest_first=True)
        line.stage = f"calling `{tool}`"
        result = await line.session.call_tool(tool, dict(arguments))
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)


@asynccontextmanager
async def opened(server: Mcp, folder: Path, *, limit_s: float) -> AsyncIterator[Line]:
    """A dialogue that is about to begin; whatever goes wrong in it is a ``NoTalk``."""
    line: Line | None = None
    child: Child | None = None
    recorder: Recorder | None = None
    try:
        async with fair_timeout(limit_s):
            if server.url is None:
                child = Child(server.command, server.cwd or folder, _plain(server.env))
                async with child as pipes, ClientSession(*pipes, client_info=_ME) as session:
                    line = Line(session=session, child=child)
                    yield line
                return
            recorder = Recorder(verify=server.verify_tls, limit_s=limit_s)
            async with client(recorder, _plain(server.headers), limit_s) as http:
                try:
                    async with (
                        streamable_http_client(server.url, http_client=http, terminate_on_close=False) as streams,
                        ClientSession(*streams, client_info=_ME) as session,
                    ):
                        line = Line(session=session, recorder=recorder)
                        yield line
                finally:
                    await _goodbye(server.url, http, recorder)
    except NoTalk as no:
        no.stage = no.stage or (line.stage if line else "")
        raise
    except TimeoutError:
        stage = line.stage if line else "connecting"
        raise _of_silence(child, recorder, stage, limit_s) from None
    except Exception as error:  # a boundary: the library raises its own, others', and groups of both
        raise _understood(error, child, recorder, line.stage if line else "connecting") from None


async def _agree(line: Line, wanted: Revision | None, limit_s: float, *, newest_first: bool) -> None:
    """Agree on a revision: the one that is wanted, or any. Where it is another one, that stands in the session."""
    line.stage = "agreeing on a revision"
    session = line.session
    if wanted is not None and wanted.has_handshake:
        await _shake_hands(session, wanted)
        return
    if wanted is not None or newest_first:
        try:
            async with asyncio.timeout(limit_s * _START_SHARE if line.child else min(_DISCOVER_S, limit_s / 4)):
                await session.discover()
        except (MCPError, ValidationError, TimeoutError, RuntimeError) as error:
            if line.recorder and line.recorder.status in (401, 403):
                raise
            failed: Exception = error
        else:
            return
        try:
            await _shake_hands(session, Revision.NOVEMBER_2025)
        except MCPError as error:
            supported = _supported(failed) or _supported(error)
            if isinstance(failed, TimeoutError) and Revision.JULY_2026 in supported:
                await session.discover()  # it answered the first question late, and holds us to that
                return
            if supported:
                raise NoTalk(Why.VERSION, f"it speaks {', '.join(supported)}") from None
            raise
        return
    await _shake_hands(session, Revision.NOVEMBER_2025)


async def _shake_hands(session: ClientSession, offer: Revision) -> None:
    request = types.InitializeRequest(
        params=types.InitializeRequestParams(
            protocol_version=str(offer), capabilities=types.ClientCapabilities(), client_info=_ME
        )
    )
    result = await session.send_request(request, types.InitializeResult)
    if result.protocol_version not in [str(each) for each in Revision if each.has_handshake]:
        raise NoTalk(Why.VERSION, f"it speaks {result.protocol_version}")
    session.adopt(result)
    await session.send_notification(types.InitializedNotification())


async def _tools(session: ClientSession) -> dict[str, Schema]:
    capabilities = session.server_capabilities
    if session.initialize_result is not None and (capabilities is None or capabilities.tools is None):
        return {}
    found: dict[str, Schema] = {}
    cursor: str | None = None
    for _ in range(_PAGES):
        params = types.PaginatedRequestParams(cursor=cursor) if cursor else None
        page = await session.list_tools(params=params)
        for tool in page.tools:
            found[tool.name] = {
                "inputSchema": tool.input_schema,
                "outputSchema": tool.output_schema,
                "description": tool.description,
            }
        cursor = page.next_cursor
        if not cursor:
            return found
    raise NoTalk(Why.PROTOCOL, f"its list of tools does not end within {_PAGES} pages")


async def _goodbye(url: str, http: httpx2.AsyncClient, recorder: Recorder) -> None:
    """A server that keeps sessions is told that ours is over, unless it is past hearing."""
    if recorder.session is None or recorder.failure is not None:
        return
    with contextlib.suppress(Exception):  # a boundary: whatever it says, it is over
        async with asyncio.timeout(_GOODBYE_S):
            await http.request("DELETE", url, headers={SESSION: recorder.session})


def _plain(texts: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: each.reveal() if isinstance(each, Secret) else each for name, each in texts.items()}


def _supported(error: Exception) -> tuple[str, ...]:
    """The revisions that a server named while it refused ours."""
    if isinstance(error, MCPError) and isinstance(error.error.data, dict):
        named = error.error.data.get("supported")
        return tuple(map(str, named)) if isinstance(named, list) else ()
    return ()


def _of_silence(child: Child | None, recorder: Recorder | None, stage: str, limit_s: float) -> NoTalk:
    if child is not None:
        if child.exit_code is not None and not child.ended_by_us:
            return _exited(child, stage)
        if child.stray:
            return NoTalk(
                Why.PROTOCOL,
                "it writes lines that are no messages, and none that is one",
                line=child.stray[0],
                last_words=child.last_words,
                stage=stage,
            )
    words = child.last_words if child else ""
    status = recorder.status if recorder else None
    return NoTalk(
        Why.SILENT, f"no answer within {limit_s:.1f} s while {stage}", status=status, last_words=words, stage=stage
    )


def _exited(child: Child, stage: str) -> NoTalk:
    return NoTalk(
        Why.EXITED,
        _how_it_ended(child.exit_code),
        exit_code=child.exit_code,
        last_words=child.last_words,
        line=child.stray[0] if child.stray else None,
        stage=stage,
    )


def _how_it_ended(code: int | None) -> str:
    import signal

    if code is None:
        return "it closed its output"
    if code >= 0:
        return f"it exited with code {code}"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by signal {-code}"


def _understood(error: Exception, child: Child | None, recorder: Recorder | None, stage: str) -> NoTalk:
    """What an error of the library, or a group of them, says of the server."""
    leaves = tuple(_leaves(error))
    if shut := next((each for each in leaves if isinstance(each, NoTalk)), None):
        return shut
    if child is not None and child.exit_code is not None and not child.ended_by_us:
        return _exited(child, stage)
    if child is not None and (child.too_long or child.stray):
        said = "a line of its output does not end" if child.too_long else "it closed its output amid other lines"
        return NoTalk(Why.PROTOCOL, said, line=child.stray[0], last_words=child.last_words, stage=stage)
    if recorder is not None:
        if recorder.failure is not None:
            return _on_the_way(recorder.failure, stage)
        if told := _of_answer(recorder, leaves, stage):
            return told
    first = leaves[0] if leaves else error
    if isinstance(first, MCPError):
        if child is not None and first.error.code == types.CONNECTION_CLOSED:
            return NoTalk(Why.EXITED, "it closed its output and lives on", last_words=child.last_words, stage=stage)
        return NoTalk(Why.ERROR, f"{first.error.message} ({first.error.code})", stage=stage)
    if isinstance(first, ValidationError):
        wrong = first.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        line = json.dumps(wrong["input"], default=str)[:400]
        return NoTalk(Why.PROTOCOL, f"`{where}` of its answer: {wrong['msg'].lower()}", line=line, stage=stage)
    if isinstance(first, anyio.ClosedResourceError | anyio.BrokenResourceError | anyio.EndOfStream):
        return NoTalk(Why.EXITED if child else Why.PROTOCOL, "it closed the connection", stage=stage)
    if isinstance(first, Exception) and by_cause(first) is not None:
        return _on_the_way(first, stage)
    return NoTalk(Why.PROTOCOL, f"{type(first).__name__}: {first}"[:300], stage=stage)


def _on_the_way(failure: Exception, stage: str) -> NoTalk:
    said = str(failure) or type(failure).__name__
    below: BaseException | None = failure
    while below is not None:
        if isinstance(below, ssl.SSLError):
            return NoTalk(Why.TLS, said, stage=stage)
        below = below.__cause__ or below.__context__
    if isinstance(failure, httpx2.TimeoutException):
        return NoTalk(Why.SILENT, f"no answer while {stage}", stage=stage)
    if type(failure).__name__ == "Unresolved":
        return NoTalk(Why.UNRESOLVED, said, stage=stage)
    match by_cause(failure):
        case Way.REFUSED:
            return NoTalk(Why.REFUSED, said, stage=stage)
        case Way.UNRESOLVED:
            return NoTalk(Why.UNRESOLVED, said, stage=stage)
        case Way.OURS:
            return NoTalk(Why.OURS, said, stage=stage)
        case Way.TIMEOUT:
            return NoTalk(Why.SILENT, said, stage=stage)
    if isinstance(failure, httpx2.ConnectError):
        return NoTalk(Why.REFUSED, said, stage=stage)
    if isinstance(failure, httpx2.ProtocolError | httpx2.NetworkError | httpx2.DecodingError):
        return NoTalk(Why.PROTOCOL, f"the connection broke: {said}", stage=stage)
    return NoTalk(Why.PROTOCOL, said, stage=stage)


def _of_answer(recorder: Recorder, leaves: tuple[BaseException, ...], stage: str) -> NoTalk | None:
    """What the newest answer over HTTP says, where it is none of the protocol."""
    status, head = recorder.status, recorder.head
    line = next(iter(head.decode(errors="replace").strip().splitlines()), "")[:400]
    if status is None:
        return None
    errors = [each for each in leaves if isinstance(each, MCPError)]
    if status >= 400 and not _is_message(head):
        return NoTalk(Why.STATUS, f"answered {status}", status=status, line=line, stage=stage)
    if status in (401, 403):
        said = errors[0].error.message if errors else f"answered {status}"
        return NoTalk(Why.STATUS, said, status=status, line=line, stage=stage)
    kind = recorder.kind.partition(";")[0].strip().lower()
    if 200 <= status < 300 and kind not in ("application/json", "text/event-stream") and status != 202:
        said = f"its answer is `{kind or 'of no kind'}`"
        return NoTalk(Why.PROTOCOL, said, status=status, line=line, stage=stage)
    if any(each.error.code == types.PARSE_ERROR and "parse" in each.error.message.lower() for each in errors):
        said = "its answer is no message"
        return NoTalk(Why.PROTOCOL, said, status=status, line=_data(head), stage=stage)
    if 300 <= status < 400:
        return NoTalk(Why.STATUS, f"answered {status}, a redirect elsewhere", status=status, line=line, stage=stage)
    return None


def _is_message(head: bytes) -> bool:
    return b'"jsonrpc"' in head


def _data(head: bytes) -> str:
    """Of a stream of events the data, of anything else the first line."""
    lines = head.decode(errors="replace").strip().splitlines()
    found = next((each[5:].strip() for each in lines if each.startswith("data:") and each[5:].strip()), None)
    return (found or next(iter(lines), ""))[:400]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
