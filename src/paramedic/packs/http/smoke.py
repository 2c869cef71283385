"""Do the operations that the server itself describes answer?"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.http.answer import NoAnswer, Trouble
from paramedic.packs.http.codes import ENDPOINT, UNDESCRIBED
from paramedic.packs.http.openapi import NoDescription, plain_operations
from paramedic.packs.http.target import Http
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Depth, Evidence, Finding, check
from paramedic.sdk.url import shown

if TYPE_CHECKING:
    from paramedic.packs.http.exchange import Client

_MOST = 50
_AT_ONCE = 4
_ONE_LIMIT_S = 5.0
_LISTED = 20


@check(
    ENDPOINT,
    UNDESCRIBED,
    of=Http,
    when=lambda server: bool(server.openapi),
    imports=("paramedic.packs.http.exchange",),
    timeout_s=60,
    every_s=300,
    depth=Depth.FULL,
)
async def operations(server: Http, context: Context) -> Finding:
    """Every ``GET`` that the server describes, and that needs no parameters, answers without an error.

    Looks at: the OpenAPI description that ``openapi`` names, then each of its plain ``GET`` operations once (at most
    50, four at a time, the body unread). A status of 500 or more, a 404 and no answer are failures; other refusals
    are not: they may want a login. Operations whose names sound like a change (logout, delete) are left alone.
    Why: a health endpoint is often the last to fail; this finds the page that nobody watches.
    By hand: ``curl -sS URL/openapi.json``, then ``curl -sS -o /dev/null -w '%{http_code}' URL`` of the one named.
    Healed by: nothing by itself; the finding names the operations, whose errors stand in the server's log.
    """
    from paramedic.packs.http.exchange import Client  # aiohttp takes long to import

    place = server.described_at or server.url
    async with Client(context.clock) as client:
        asked = replace(server.request, url=place, method="GET", body=None, follows_redirects=True)
        try:
            described = await client.ask(asked, min(_ONE_LIMIT_S, context.remaining_s * SHARE_OF_TIME))
            addresses = plain_operations(described, place)
        except NoAnswer as none:
            if none.trouble is Trouble.OURS:
                return context.unknown(f"this machine could not ask `{shown(place)}`: {none}")
            return _undescribed(place, f"no answer: {none}", context)
        except NoDescription as none:
            return _undescribed(place, str(none), context)
        failures = await _failures(client, server, addresses[:_MOST], context)
    tried = min(len(addresses), _MOST)
    more = f" of {len(addresses)}" if len(addresses) > _MOST else ""
    if not failures:
        return context.ok(f"{tried}{more} described operations answer", operations=tried)
    return context.critical(
        ENDPOINT,
        observed=f"{len(failures)} of {tried} described operations fail",
        expected="an answer without an error from each",
        because=failures[0],
        hint=f"read the log of `{context.component.name}` for these paths",
        evidence=(Evidence(label="failing operations", text="\n".join(failures[:_LISTED])),),
        operations=tried,
        failed_operations=len(failures),
    )


async def _failures(client: "Client", server: Http, addresses: tuple[str, ...], context: Context) -> list[str]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(address: str) -> str | None:
        async with gate:
            limit_s = min(_ONE_LIMIT_S, context.remaining_s * SHARE_OF_TIME)
            if limit_s < 0.1:
                return None  # no turn: nothing is known of it
            asked = replace(server.request, url=address, method="GET", body=None, reads_body=False)
            try:
                answer = await client.ask(asked, limit_s)
            except NoAnswer as none:
                return None if none.trouble is Trouble.OURS else f"GET {shown(address)}: no answer: {none}"
            wrong = answer.status >= 500 or answer.status == 404
            return f"GET {shown(address)}: {answer.title}" if wrong else None

    return [each for each in await asyncio.gather(*map(one, addresses)) if each]


def _undescribed(place: str, seen: str, context: Context) -> Finding:
    return context.warning(
        UNDESCRIBED,
        observed=f"`{shown(place)}` does not describe the API: {seen}",
        expected="an OpenAPI description as JSON",
        hint=f"see `curl -sS {shown(place)}`, and correct `openapi` of `{context.component.name}` or leave it out",
    )
