"""Pure judgement: what a dialogue that did not come about says of the server."""

from typing import assert_never

from paramedic.packs.mcp import codes
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.packs.tcp.checks import name_without_address
from paramedic.packs.tcp.unreached import no_connection, no_trust
from paramedic.sdk import Context, Evidence, Finding

_INSPECTOR = "npx @modelcontextprotocol/inspector --cli"


def judge(no: NoTalk, server: Mcp, context: Context) -> Finding:
    """The finding for no dialogue. Silence has been told apart from being busy before."""
    name = context.component.name
    match no.why:
        case Why.REFUSED:
            return no_connection(codes.REFUSED, server.address or ("", 0), str(no), context, what="server of tools")
        case Why.UNRESOLVED:
            return name_without_address((server.address or ("", 0))[0], str(no), context)
        case Why.TLS:
            return no_trust(codes.TLS, server.address or ("", 0), str(no), context)
        case Why.OURS:
            return context.unknown(f"this machine could not try: {no}", hint="look at `ulimit -n` and `ulimit -u`")
        case Why.NO_PROGRAM:
            return context.critical(
                codes.EXITED,
                observed=f"`{server.shown}` cannot be started",
                expected="a server that starts",
                because=str(no),
                hint=f"install it, or correct `command` of `{name}`; see `command -v {server.command[0]}`",
            )
        case Why.EXITED:
            return exited(no, server, context)
        case Why.SILENT:
            return silent(str(no), server, context, because="a stopped server would have refused at once", no=no)
        case Why.PROTOCOL:
            return protocol(no, server, context)
        case Why.STATUS:
            return _of_status(no, server, context)
        case Why.ERROR:
            return context.critical(
                codes.FAILED,
                observed=f"`{server.shown}` answers with an error while {no.stage}",
                expected="an answer",
                because=f"it said: {no}",
                hint=f"read its log around now; try `{by_hand(server)}`",
            )
        case Why.VERSION:
            return context.critical(
                codes.VERSION,
                observed=f"no revision of the protocol is known to both sides: {no}",
                expected=f"one of {', '.join(Revision)}",
                hint="update the server, or what asks it",
            )
        case never:
            assert_never(never)


def exited(no: NoTalk, server: Mcp, context: Context) -> Finding:
    """A server's process ended."""
    return context.critical(
        codes.EXITED,
        observed=f"`{server.shown}` ended: {no}",
        expected="a server that runs until its input is closed",
        because=_last(no.last_words) or (f"it wrote `{no.line}` before" if no.line else f"it ended while {no.stage}"),
        hint="run the command in a terminal: a server waits there in silence; what it prints instead says what it "
        "lacks (an argument, a variable of `env`, a package)",
        evidence=(Evidence(label="standard error", text=no.last_words),) if no.last_words else (),
    )


def silent(observed: str, server: Mcp, context: Context, *, because: str, no: NoTalk | None = None) -> Finding:
    """A server that takes requests and says nothing."""
    words = no.last_words if no else ""
    return context.critical(
        codes.TIMEOUT,
        observed=f"`{server.shown}` gave {observed}" if observed.startswith("no answer") else observed,
        expected="an answer",
        because=because,
        hint="`py-spy dump --pid PID` shows where it hangs, and a restart frees it",
        evidence=(Evidence(label="standard error", text=words),) if words else (),
    )


def protocol(no: NoTalk, server: Mcp, context: Context) -> Finding:
    """What came is no message."""
    return context.critical(
        codes.PROTOCOL,
        observed=f"`{server.shown}` does not speak the protocol: {no}",
        expected="JSON-RPC messages and nothing else",
        because=f"it sent `{no.line}`" if no.line else f"this happened while {no.stage}",
        hint=_stray_hint(server),
        evidence=(Evidence(label="sent", text=no.line),) if no.line else (),
    )


def stray(lines: tuple[str, ...], count: int, server: Mcp, context: Context) -> Finding:
    """A dialogue worked amid lines that are no messages."""
    return context.warning(
        codes.PROTOCOL,
        observed=f"`{server.shown}` writes to standard output what is no message: "
        f"{count} {'line' if count == 1 else 'lines'} in one short dialogue",
        expected="JSON-RPC messages and nothing else",
        because=f"it sent `{lines[0]}`; some clients pass over such lines, others hang up",
        hint=_stray_hint(server),
        evidence=(Evidence(label="sent", text="\n".join(lines)),),
    )


def _stray_hint(server: Mcp) -> str:
    if server.command:
        return "have it log to standard error: look for `print`, `console.log`, banners of its framework or launcher"
    return f"correct the path in `url`, and look for a proxy in between; try `{by_hand(server)}`"


def _of_status(no: NoTalk, server: Mcp, context: Context) -> Finding:
    status, said = no.status or 0, f"it said `{no.line}`" if no.line else ""
    if status in (401, 403):
        return context.critical(
            codes.AUTH,
            observed=f"`{server.shown}` refuses us: {status}",
            expected="to be let in",
            because=said,
            hint=f"check the token in `headers` of `{context.component.name}`, and that it has not expired",
        )
    if status >= 500:
        return context.critical(
            codes.FAILED,
            observed=f"`{server.shown}` answered {status} while {no.stage}",
            expected="an answer of the protocol",
            because=said or "it was reached and failed while answering",
            hint="read its log around now, and that of a proxy in between",
        )
    return context.critical(
        codes.PROTOCOL,
        observed=f"`{server.shown}` answered {status}",
        expected="an answer of the protocol",
        because=said or ("the server works, and has no MCP there" if status in (404, 405) else ""),
        hint=f"correct `url`, which often ends in /mcp; try `{by_hand(server)}`",
    )


def by_hand(server: Mcp) -> str:
    """What a person types to see the same."""
    return f"{_INSPECTOR} {server.shown} --method tools/list"


def _last(words: str) -> str:
    lines = [each for each in words.splitlines() if each.strip()]
    return f"its last words: {lines[-1].strip()[:300]}" if lines else ""
