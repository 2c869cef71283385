"""Findings for exchanges over HTTP that did not get as far as the server's own words."""

from paramedic.packs.http.answer import NoAnswer, Trouble
from paramedic.packs.tcp.checks import name_without_address
from paramedic.packs.tcp.unreached import no_connection
from paramedic.sdk import Code, Context, Finding


def unreached(
    none: NoAnswer,
    address: tuple[str, int],
    context: Context,
    *,
    refused: Code,
    what: str = "server",
    field: str = "url",
) -> Finding | None:
    """The finding where the way to the server is to blame, or we are; ``None`` where it was reached."""
    match none.trouble:
        case Trouble.NAME:
            name, _, reason = str(none).partition(": ")
            return name_without_address(name.strip("`"), reason, context)
        case Trouble.CONNECT:
            return no_connection(refused, address, str(none), context, what=what, field=field)
        case Trouble.OURS:
            host, port = address
            return context.unknown(f"this machine could not ask `{host}:{port}`: {none}", hint="look at `ulimit -n`")
        case _:
            return None
