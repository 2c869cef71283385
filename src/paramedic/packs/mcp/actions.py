"""Reconnect with patience, write tools down, and speak another revision."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic.model.errors import ParamedicError
from paramedic.packs.mcp.checks import EXTRA, NO_LIBRARY
from paramedic.packs.mcp.manifest import Manifest, as_text
from paramedic.packs.mcp.pinning import protocol_in_file, with_protocol
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.packs.mcp.trouble import NoTalk
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import read_whole, write_whole

if TYPE_CHECKING:
    from paramedic.packs.mcp.talk import Seen

BACKOFF_S = (1.0, 2.0, 4.0)
_TRY_S = 5.0
_VISIT_S = 20.0
_LARGEST = 16 << 20
_running: dict[tuple[int, str], "asyncio.Task[Outcome]"] = {}


@action("mcp.reconnect", risk=Risk.SAFE)
class Reconnect:
    """Try to get a dialogue with the server again, after 1, 2 and 4 seconds.

    For a server that somebody else starts again. However many recoveries of one server ask for this at once, it is
    tried once, and all of them hear the result.
    """

    async def preview(self, context: ActContext) -> Preview:
        name = context.component.name
        spec = context.component.process
        blocked = f"`{name}` is restarted instead" if spec and spec.is_managed else None
        if not _server(context).url:
            blocked = f"`{name}` speaks over the pipes of a program; that has to be restarted"
        return Preview(summary=f"try to reach `{name}` again after 1, 2 and 4 s", blocked=blocked)

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        key = (id(asyncio.get_running_loop()), _server(context).identity)
        task = _running.get(key)
        if task is None:
            task = asyncio.create_task(_reconnect(context), name=f"reconnecting {context.component.name}")
            _running[key] = task
            task.add_done_callback(lambda _: _running.pop(key, None))
        return await asyncio.shield(task)

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO  # trying again harms nobody


@action("mcp.record", risk=Risk.REVERSIBLE)
class Record:
    """Write the server's tools down, as what they have to be from now on."""

    async def preview(self, context: ActContext) -> Preview:
        path = _manifest_path(context)
        what = "again" if path.exists() else "for the first time"
        return Preview(summary=f"write the tools of `{context.component.name}` to `{path.name}` {what}")

    async def apply(self, context: ActContext) -> Outcome:
        server, path = _server(context), _manifest_path(context)
        seen = await _visit(server, context, min(_VISIT_S, context.limit_s))
        manifest = Manifest(
            server=seen.server, protocol=seen.protocol, recorded_at=context.clock.now(), tools=seen.tools
        )
        before = context.last_good.set_aside(path, "before its tools were written down again")
        context.checkpoint("mid-act")
        await in_thread(_write, path, as_text(manifest).encode())
        return Outcome(
            summary=f"wrote {len(seen.tools)} tools to `{path.name}`",
            output={"tools": [*sorted(seen.tools)], "before": str(before) if before else None},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO  # written whole or not at all, and the same again

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        return await _take_back(_manifest_path(context), output)


@action("mcp.set-protocol", risk=Risk.REVERSIBLE)
class SetProtocol:
    """Declare the revision of the protocol that the server speaks, in the service file; the file before is kept."""

    async def preview(self, context: ActContext) -> Preview:
        name = context.component.name
        try:
            wanted = await _wanted(context)
        except ActionFailed as failed:
            return Preview(summary=f"set `protocol` of `{name}`", blocked=str(failed))
        return Preview(summary=f"set `protocol` of `{name}` to {wanted} in `{context.service.path.name}`")

    async def apply(self, context: ActContext) -> Outcome:
        path, name = context.service.path, context.component.name
        wanted = await _wanted(context)
        text = (await in_thread(read_whole, path, _LARGEST)).decode()
        try:
            new = with_protocol(text, name, wanted)
        except ParamedicError as error:
            raise ActionFailed(str(error)) from None
        before = context.last_good.set_aside(path, f"before `protocol` of `{name}` was set")
        context.checkpoint("mid-act")
        await in_thread(_write, path, new.encode())
        return Outcome(
            summary=f"`protocol` of `{name}` is {wanted}", output={"before": str(before) if before else None}
        )

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output
        if protocol_in_file(context.service.path, context.component.name) is None:
            raise ActionFailed("the service file names no `protocol`")

    async def reconcile(self, context: ActContext) -> DidIt:
        server = _server(context)
        declared = protocol_in_file(context.service.path, context.component.name)
        return DidIt.NO if declared in (None, server.protocol) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        return await _take_back(context.service.path, output)


async def _reconnect(context: ActContext) -> Outcome:
    """At once, then after each pause; only as long as the step may take."""
    clock, server = context.clock, _server(context)
    began, why = clock.monotonic(), "it was not tried"
    for pause_s in (0.0, *BACKOFF_S):
        await clock.sleep(pause_s)
        left_s = context.limit_s - (clock.monotonic() - began)
        if left_s <= 0:
            break
        try:
            seen = await _visit(server, context, min(_TRY_S, left_s))
        except ActionFailed as failed:
            why = str(failed)
            continue
        took_s = clock.monotonic() - began
        return Outcome(summary=f"`{seen.server}` answers again, after {took_s:.1f} s", output={"took_s": took_s})
    raise ActionFailed(f"it did not answer in {len(BACKOFF_S) + 1} tries: {why}")


async def _visit(server: Mcp, context: ActContext, limit_s: float) -> "Seen":
    try:
        from paramedic.packs.mcp.talk import visit
    except ImportError:
        raise ActionFailed(f"{NO_LIBRARY}; {EXTRA}") from None
    try:
        return await visit(server, context.service.path.parent, limit_s=limit_s, clock=context.clock)
    except NoTalk as no:
        raise ActionFailed(f"there was no dialogue with `{server.shown}`: {no}") from None


async def _wanted(context: ActContext) -> Revision:
    """What the step is told, or else what the server answers when it is offered what is declared."""
    told = context.params.get("revision")
    if told is not None:
        try:
            return Revision(str(told))
        except ValueError:
            raise ActionFailed(f"there is no revision `{told}`; known: {', '.join(Revision)}") from None
    seen = await _visit(_server(context), context, min(_VISIT_S, context.limit_s))
    return Revision(seen.protocol)


def _server(context: ActContext) -> Mcp:
    target = context.component.target
    if not isinstance(target, Mcp):
        raise ActionFailed(f"`{context.component.name}` is no server of tools")
    return target


def _manifest_path(context: ActContext) -> Path:
    return _server(context).manifest_path(context.service.path, context.component.name)


async def _take_back(path: Path, output: Mapping[str, Json]) -> str:
    before = output.get("before")
    if not isinstance(before, str):
        return f"`{path.name}` was left as it is: nothing was set aside"
    await in_thread(_write, path, Path(before).read_bytes())
    return f"put `{path.name}` back as it was"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        seen = path.stat()
        write_whole(path, content, mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)
    except FileNotFoundError:
        write_whole(path, content, mode=0o644)
