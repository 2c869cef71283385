"""Does the server of tools live, speak as agreed, and offer what it offered?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paramedic.packs.mcp import codes, living
from paramedic.packs.mcp.judge import judge, silent, stray
from paramedic.packs.mcp.manifest import Change, NoManifest, changes, read
from paramedic.packs.mcp.target import Mcp
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.sdk import Component, Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

if TYPE_CHECKING:
    from paramedic.packs.mcp.talk import Seen

EXTRA = "install it with `pip install 'paramedic[mcp]'`"
NO_LIBRARY = "the client library `mcp` is not installed"
_LATENCY_MS = 2000.0
_BUSY_S = 300.0
_ENDING_S = 1.5
_SAMPLE_S = 0.4
_SILENT_SINCE, _HANDSHAKE = "silent since", "has a handshake"
_SHOWN = 20
_IMPORTS = ("mcp.client.session", "mcp.client.streamable_http")
_CODES = (
    codes.TIMEOUT,
    codes.PROTOCOL,
    codes.VERSION,
    codes.TOOLS_CHANGED,
    codes.FAILED,
    codes.SLOW,
)


@check(
    codes.REFUSED,
    *_CODES,
    codes.AUTH,
    codes.TLS,
    DNS_UNRESOLVED,
    of=Mcp,
    timeout_s=10,
    every_s=10,
    when=lambda server: server.url is not None,
    imports=_IMPORTS,
    id="mcp.answers",
)
async def answers(server: Mcp, context: Context) -> Finding:
    """A server of tools answers over HTTP, in the agreed revision, with the tools that were written down.

    Looks at: one dialogue: a revision is agreed upon, ``ping`` asks whether it lives (``tools/list`` from 2026-07-28
    on, which has no ping), its tools are listed and held against the manifest, and the session is ended. One that
    does not answer and whose process works is busy, not dead, for ``busy_s`` (300); one whose process is stopped or
    does nothing hangs. Slow is an answer above ``latency_ms`` (2000) while its process has nothing to do. No tool is
    called.
    Why: an agent whose tools hang, or take other arguments than it was told, fails in ways that look like a bad model.
    By hand: ``paramedic mcp tools NAME``; ``npx @modelcontextprotocol/inspector --cli URL --method tools/list``
    Healed by: restart-component when refused, silent or failing, wait-for-tools where somebody else restarts it;
    set-protocol-version after an approval; changed tools, credentials and lines that are no messages go to a person.
    """
    return await _dialogue(server, context)


@check(
    codes.EXITED,
    *_CODES,
    of=Mcp,
    timeout_s=30,
    every_s=120,
    when=lambda server: bool(server.command) and server.launch,
    imports=_IMPORTS,
    id="mcp.starts",
)
async def starts(server: Mcp, context: Context) -> Finding:
    """A server of tools starts from its command, speaks as agreed, and offers what was written down.

    Looks at: a server of our own, started from ``command`` as a client does and ended at once: its exit code and last
    words where it ends early, lines on its standard output that are no messages, the revision, a sign of life, and its
    tools held against the manifest. ``launch: false`` leaves this out. No tool is called.
    Why: every client starts such a server for itself, so what does not start here starts nowhere.
    By hand: run the command in a terminal; ``paramedic mcp tools NAME``
    Healed by: restart-component where a process is declared; set-protocol-version after an approval; the rest goes to
    a person.
    """
    return await _dialogue(server, context)


@check(
    codes.EXITED,
    codes.TIMEOUT,
    of=Mcp,
    timeout_s=5,
    every_s=5,
    when=lambda server: bool(server.command),
    id="mcp.runs",
)
async def runs(server: Mcp, context: Context) -> Finding:
    """The server of tools that a program of the service started runs.

    Looks at: the processes below the one that holds the server's pipes (the component's own ``process``, or that of
    ``started_by``): one must have the command line of ``command``, and not be stopped by a signal.
    Why: a program whose server has died goes on offering its tools to the model, and every call of one fails.
    By hand: ``pstree -ap PID`` of that program
    Healed by: restart-component, which starts the program and with it the server.
    """
    holder = await in_thread(living.holder_pid, server, context)
    if holder is None:
        if context.component.process is None and server.started_by is None:
            return context.info("nobody says which process starts it; `process` or `started_by` would")
        return context.info("not looked at: the program that starts it does not run")
    found = await in_thread(living.running, server.command, holder)
    if found:
        seen = await in_thread(living.reading, server, context)
        if seen and seen.suspended is not None:
            return silent(
                f"pid {seen.suspended} of `{server.shown}` is stopped",
                server,
                context,
                because="a signal (SIGSTOP) or a debugger holds it: it lives and answers nobody",
            )
        return context.ok(f"runs below pid {holder}, pid {', '.join(map(str, found))}")
    facts = context.processes.facts(_holder(server, context))
    if facts.is_starting and (facts.uptime_s or 0.0) < _start_s(server, context):
        return context.info(f"pid {holder} has just been started; its server may be yet to come")
    dead = await in_thread(living.dead, holder)
    words = _last_lines(facts.log_tail)
    return context.critical(
        codes.EXITED,
        observed=f"the server does not run: nothing below pid {holder} has the command line `{server.shown}`",
        expected="a living server",
        because=f"pid {dead.pid} {_ended(dead.code)}, and pid {holder} did not ask about it"
        if dead
        else f"pid {holder} lives on, and its server has ended",
        hint=f"`paramedic restart {_holder(server, context).name}` starts both; its log tells how the server ended",
        evidence=(Evidence(label="log", text=words),) if words else (),
    )


async def _dialogue(server: Mcp, context: Context) -> Finding:
    try:
        from paramedic.packs.mcp.talk import visit
    except ImportError:
        return context.unknown(NO_LIBRARY, hint=EXTRA)
    try:
        seen = await visit(
            server,
            context.service.path.parent,
            limit_s=_limit_s(server, context),
            clock=context.clock,
            newest_first=not context.memory.get(_HANDSHAKE, False),
        )
    except NoTalk as no:
        if no.why is Why.SILENT and server.url is not None:
            return await _hangs_or_works(no, server, context)
        context.memory.pop(_SILENT_SINCE, None)
        return judge(no, server, context)
    context.memory.pop(_SILENT_SINCE, None)
    context.memory[_HANDSHAKE] = seen.liveness == "ping"
    return await _judge_seen(seen, server, context)


def _limit_s(server: Mcp, context: Context) -> float:
    """For the dialogue; a command needs time to end as well, and silence has to be looked into."""
    whole = context.remaining_s * SHARE_OF_TIME
    return max(whole - (2 * _SAMPLE_S if server.url else _ENDING_S), whole * 0.4)


async def _at_work(server: Mcp, context: Context) -> tuple[living.Reading, float] | None:
    """The server's processes, and how many cores they keep busy now; ``None`` where nothing can be seen of them."""
    before = await in_thread(living.reading, server, context)
    if before is None:
        return None
    await context.clock.sleep(_SAMPLE_S)
    after = await in_thread(living.reading, server, context)
    return None if after is None else (after, living.share(before, after))


async def _hangs_or_works(no: NoTalk, server: Mcp, context: Context) -> Finding:
    """Silence alone says little: a server may be at work."""
    found = await _at_work(server, context)
    if found is None:
        return judge(no, server, context)
    after, cores = found
    if after.suspended is not None:
        context.memory.pop(_SILENT_SINCE, None)
        because = f"pid {after.suspended} is stopped by a signal (SIGSTOP) or a debugger: it lives and answers nobody"
        return silent(str(no), server, context, because=because, no=no)
    since = context.memory.setdefault(_SILENT_SINCE, after.at)
    assert isinstance(since, float)
    if cores < living.BUSY_SHARE:
        because = f"its process (pid {after.pids[0]}) lives and did nothing meanwhile"
        return silent(str(no), server, context, because=because, no=no)
    silent_s, limit_s = after.at - since, context.threshold("busy_s", _BUSY_S)
    if silent_s < limit_s:
        return context.info(
            f"busy: no answer while {no.stage}, and its process keeps {cores:.1f} cores at work", busy_s=silent_s
        )
    because = f"its process keeps {cores:.1f} cores at work and has answered nobody for {silent_s:.0f} s"
    return silent(str(no), server, context, because=because, no=no)


async def _judge_seen(seen: "Seen", server: Mcp, context: Context) -> Finding:
    from paramedic.packs.mcp.pinning import protocol_in_file

    if server.protocol is not None and seen.protocol != server.protocol:
        declared = await in_thread(protocol_in_file, context.service.path, context.component.name)
        if declared != seen.protocol:  # the file may have been corrected since it was read
            return context.critical(
                codes.VERSION,
                observed=f"the server speaks {seen.protocol}, its clients speak {server.protocol}",
                expected=f"revision {server.protocol} of the protocol",
                because=f"offered {server.protocol}, `{seen.server}` answered with {seen.protocol}",
                hint="update the server, or have its clients speak the revision that it knows: "
                f"`paramedic mcp set-protocol {context.component.name} {seen.protocol}`",
            )
    if seen.stray:
        return stray(seen.stray, seen.stray_count, server, context)
    path = server.manifest_path(context.service.path, context.component.name)
    try:
        manifest = await in_thread(read, path)
    except NoManifest as no:
        return context.unknown(f"the tools cannot be compared: {no}", hint=_record_hint(context))
    told = changes(manifest.tools, seen.tools) if manifest else ()
    if wrong := [each for each in told if each.words != "is new"]:
        return _changed(wrong, told, path.name, context)
    limit_ms = context.threshold("latency_ms", _LATENCY_MS)
    what = f"`{seen.server}` answered {seen.liveness} in {seen.latency_ms:.0f} ms, {seen.protocol}, "
    what += f"{len(seen.tools)} {'tool' if len(seen.tools) == 1 else 'tools'}"
    if seen.latency_ms > limit_ms:
        work = await _at_work(server, context)
        if work and work[1] >= living.BUSY_SHARE:
            return context.info(f"{what}; it is busy with {work[1]:.1f} cores", latency_ms=seen.latency_ms)
        return context.warning(
            codes.SLOW,
            observed=f"{seen.liveness} takes {seen.latency_ms:.0f} ms",
            expected=f"at most {limit_ms:g} ms",
            because="its process has nothing to do meanwhile" if work else "",
            hint="look for what it waits for: a dependency of its own, a lock, a proxy in between",
            latency_ms=seen.latency_ms,
        )
    if manifest is None:
        return context.info(
            f"{what}, which nobody has written down: {_record_hint(context)}",
            latency_ms=seen.latency_ms,
            begin_ms=seen.begin_ms,
        )
    new = f"; new since then: {', '.join(f'`{each.tool}`' for each in told)}" if told else ""
    return context.ok(f"{what}, as written down{new}", latency_ms=seen.latency_ms, begin_ms=seen.begin_ms)


def _changed(wrong: Sequence[Change], told: Sequence[Change], manifest: str, context: Context) -> Finding:
    breaking = [each for each in wrong if each.breaks]
    first = wrong[0]
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    tell = context.critical if breaking else context.warning
    return tell(
        codes.TOOLS_CHANGED,
        observed=f"tool `{first.tool}`: {first.words}{more}",
        expected=f"the tools of `{manifest}`",
        because="calls that were right fail now" if breaking else "models choose and call tools by what they are told",
        hint="see with whoever changed the server whether that is meant: then adapt what calls it, and "
        + _record_hint(context),
        evidence=(Evidence(label="changed", text="\n".join(f"{each.tool}: {each.words}" for each in told[:_SHOWN])),),
    )


def _record_hint(context: Context) -> str:
    return f"`paramedic mcp record {context.component.name}` writes them down"


def _holder(server: Mcp, context: Context) -> Component:
    return context.service.components.get(server.started_by or "", context.component)


def _start_s(server: Mcp, context: Context) -> float:
    spec = _holder(server, context).process
    return spec.ready_within_s if spec else 0.0


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-12:])


def _ended(code: int) -> str:
    import signal

    if code >= 0:
        return f"exited with code {code}"
    return f"was killed by {signal.Signals(-code).name}"
