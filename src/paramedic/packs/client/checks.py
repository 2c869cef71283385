"""Does a client work, may it come in, does it fit, and is a provider well, as far as that can be seen from here?"""

from collections.abc import Mapping
from datetime import UTC, datetime

from paramedic.packs.client.codes import (
    AUTH_FAILED,
    COMPUTER,
    MICROPHONE,
    MOBILE,
    PROVIDER,
    VERSION_MISMATCH,
    VOICE,
)
from paramedic.packs.client.fitting import misfit
from paramedic.packs.client.stored import CannotRead, stored
from paramedic.packs.client.target import Client, Provider, Sort
from paramedic.packs.http.answer import NoAnswer, readable
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Code, Context, Finding, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.complaints import Complaint, complaint
from paramedic.sdk.url import shown

_BY_SORT = {Sort.MOBILE: MOBILE, Sort.VOICE: VOICE, Sort.MICROPHONE: MICROPHONE, Sort.COMPUTER: COMPUTER}
_BACKEND = ("paramedic.packs.client.backend",)


@check(MOBILE, VOICE, MICROPHONE, COMPUTER, of=Client, imports=_BACKEND, timeout_s=5, every_s=10)
async def works(client: Client, context: Context) -> Finding:
    """Nobody complains about the client, and its backend has heard of it lately.

    Looks at: what people told with ``paramedic guide complain``, until it is seen to; and what the backend says at
    ``last_seen``, where declared.
    Why: a client in somebody's hand cannot be looked at, and its user is the first to know.
    By hand: ask its user; ``curl -sS LAST-SEEN-URL``
    Healed by: nothing by itself; ``paramedic guide start NAME`` goes through the steps with its owner.
    """
    from paramedic.packs.client.backend import Strange, told  # aiohttp takes long to import

    code = _BY_SORT[client.sort]
    if (told_us := await _complaint(context)) is not None:
        return _complained(told_us, code, context)
    if client.last_seen is None:
        return context.ok("nobody complains about it")
    try:
        said = await told(client.last_seen, context.remaining_s * SHARE_OF_TIME, context.clock)
        at = _moment(said.get("last_seen"))
    except (NoAnswer, Strange) as none:
        return context.unknown(
            f"its backend does not tell at `{shown(client.last_seen)}` when it was seen: {none}",
            hint="see to the backend first; let it answer JSON with `last_seen`, a time with its zone",
        )
    away_s = (context.clock.now() - at).total_seconds()
    if away_s > client.seen_within_s:
        return context.critical(
            code,
            observed=f"its backend has not heard of it for {_long(away_s)}",
            expected=f"a sign of life within {_long(client.seen_within_s)}",
            because=f"it was last seen at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, by its backend",
            hint=_guide(context),
        )
    return context.ok(f"nobody complains about it; seen {_long(max(0.0, away_s))} ago")


@check(
    AUTH_FAILED,
    of=Client,
    when=lambda client: client.auth is not None,
    imports=_BACKEND,
    timeout_s=10,
    every_s=10,
)
async def token_is_accepted(client: Client, context: Context) -> Finding:
    """The backend accepts the token that the client has stored.

    Looks at: one request to ``auth`` with the token from the client's own configuration, which is sent nowhere else
    and never shown.
    Why: a token that expired or was revoked makes a client useless, and looks to its user like an outage.
    By hand: ``curl -sS -i -H 'Authorization: Bearer TOKEN' AUTH-URL``
    Healed by: nothing by itself; ``paramedic guide start NAME`` goes through signing in again.
    """
    from paramedic.packs.client.backend import ask  # aiohttp takes long to import

    assert client.auth is not None, "`when` says so"
    assert client.config is not None, "the target makes sure"
    try:
        token = await in_thread(stored, client.config, client.token)
        answer = await ask(client.auth, context.remaining_s * SHARE_OF_TIME, context.clock, token)
    except CannotRead as cannot:
        return context.critical(
            AUTH_FAILED,
            observed=f"the client has no token: {cannot}",
            expected="a token that the backend accepts",
            because="without one it cannot come in",
            hint=f"sign in again, or correct `config` and `token`; {_guide(context)}",
            path=client.config,
        )
    except NoAnswer as none:
        return context.unknown(
            f"the backend could not be asked at `{shown(client.auth)}`: {none}", hint="see to the backend first"
        )
    if answer.status in (401, 403):
        return context.critical(
            AUTH_FAILED,
            observed=f"the backend refuses the client's stored token: {answer.title}",
            expected="a token that the backend accepts",
            because="it expired, was revoked, or belongs to another backend",
            hint=f"sign in again with the client; {_guide(context)}",
            path=client.config,
        )
    if not 200 <= answer.status < 300:
        return context.unknown(
            f"whether the token is accepted could not be told: the backend answered {answer.title}",
            hint="see to the backend first, or correct `auth`",
        )
    return context.ok("the backend accepts the client's token", latency_ms=answer.latency_ms)


@check(
    VERSION_MISMATCH,
    of=Client,
    when=lambda client: client.compatible is not None,
    imports=_BACKEND,
    timeout_s=10,
    every_s=10,
)
async def version_fits(client: Client, context: Context) -> Finding:
    """The versions of the client and its backend fit.

    Looks at: the client's version, declared or from its configuration, and what the backend says at ``compatible``:
    ``min_client`` and ``max_client``, else the first numbers of both.
    Why: after an update of one side only, calls fail in ways that look like anything else.
    By hand: ``curl -sS COMPATIBLE-URL``, and the client's ``--version``
    Healed by: nothing by itself; ``paramedic guide start NAME`` goes through the update.
    """
    from paramedic.packs.client.backend import Strange, told  # aiohttp takes long to import

    assert client.compatible is not None, "`when` says so"
    try:
        version = client.version or await _stored_version(client)
        backend = await told(client.compatible, context.remaining_s * SHARE_OF_TIME, context.clock)
        wrong = misfit(version, backend)
    except (CannotRead, NoAnswer, Strange) as why:
        return context.unknown(
            f"whether the versions fit could not be told: {why}",
            hint="see to the backend first; correct `version`, `version_at` or `compatible`",
        )
    if wrong:
        expected, because = wrong
        return context.warning(
            VERSION_MISMATCH,
            observed=f"the client has version {version}",
            expected=expected,
            because=because,
            hint=f"update the side that is behind; {_guide(context)}",
        )
    return context.ok(f"version {version} fits the backend")


@check(PROVIDER, of=Provider, imports=_BACKEND, timeout_s=5, every_s=60)
async def provider_is_well(provider: Provider, context: Context) -> Finding:
    """Nobody complains about the provider, and its status page tells of no outage.

    Looks at: what people told with ``paramedic guide complain``, until it is seen to; and the provider's status page,
    where declared.
    Why: what somebody else runs cannot be healed here; knowing it early saves the search at home.
    By hand: ``curl -sS STATUS-PAGE/api/v2/status.json``
    Healed by: nothing by itself; ``paramedic guide start NAME`` goes through what can be done meanwhile.
    """
    from paramedic.packs.client.backend import Strange, told  # aiohttp takes long to import

    if (told_us := await _complaint(context)) is not None:
        return _complained(told_us, PROVIDER, context)
    if provider.status_url is None:
        return context.ok("nobody complains about it")
    try:
        said = (await told(provider.status_url, context.remaining_s * SHARE_OF_TIME, context.clock)).get("status")
        if not isinstance(said, Mapping) or not isinstance(said.get("indicator"), str):
            raise Strange("answered without `status.indicator`")
    except (NoAnswer, Strange) as none:
        return context.unknown(
            f"its status page tells nothing: {none}", hint="correct `status_page`, or look at it with a browser"
        )
    indicator = readable(str(said["indicator"]))[:40]
    description = readable(str(said.get("description") or indicator))[:200]
    if indicator in ("none", "maintenance"):
        return context.ok(f"its status page says: {description}")
    tell = context.warning if indicator == "minor" else context.critical
    return tell(
        PROVIDER,
        observed=f"its status page says: {description}",
        expected="no outage",
        because=f"the page rates it as `{indicator}`",
        hint=_guide(context),
    )


async def _complaint(context: Context) -> Complaint | None:
    return await in_thread(complaint, context.service.settings.state_dir, context.component.name)


def _complained(told: Complaint, code: Code, context: Context) -> Finding:
    return context.critical(
        code,
        observed=f"{told.by} says: {told.what}",
        expected="nobody complains about it",
        because=f"it was told at {told.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC and nobody has seen to it since",
        hint=_guide(context),
    )


def _guide(context: Context) -> str:
    return f"`paramedic guide start {context.component.name}` goes through it step by step"


async def _stored_version(client: Client) -> str:
    assert client.config is not None, "the target makes sure"
    return await in_thread(stored, client.config, client.version_at)


def _moment(value: object) -> datetime:
    from paramedic.packs.client.backend import Strange

    try:
        at = (
            datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(str(value))
        )
    except (ValueError, OverflowError, OSError):
        raise Strange("`last_seen` is no time") from None
    if at.tzinfo is None:
        raise Strange("`last_seen` is a time without a zone")
    return at


def _long(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
