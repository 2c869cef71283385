"""Does it answer, as it should, in time, and every time?"""

from typing import TYPE_CHECKING

from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.http.codes import (
    AUTH,
    BODY,
    ERROR_RATE,
    PROTOCOL,
    RATE_LIMITED,
    REFUSED,
    SLOW,
    STATUS,
    TIMEOUT,
    TLS,
)
from paramedic.packs.http.judge import judge, judge_none
from paramedic.packs.http.stranger import with_who_listens
from paramedic.packs.http.target import Http
from paramedic.packs.http.window import ENOUGH, FEWEST, WINDOW_S, Sample, Seen
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.sdk import Context, Evidence, Finding, Status, check
from paramedic.sdk.context import CANNOT_LOOK

if TYPE_CHECKING:
    from paramedic.packs.http.exchange import Client

_NEVER_REACHED = {REFUSED.id, TLS.id, DNS_UNRESOLVED.id, CANNOT_LOOK}
_ENOUGH_SAID = _NEVER_REACHED | {TIMEOUT.id, AUTH.id, RATE_LIMITED.id}
_ANOTHER_MAY_ANSWER = {STATUS.id, BODY.id, PROTOCOL.id}
_BURST_S = 2.0
_PUBLIC_SAMPLES = 3


@check(
    REFUSED,
    TIMEOUT,
    STATUS,
    AUTH,
    RATE_LIMITED,
    BODY,
    SLOW,
    ERROR_RATE,
    PROTOCOL,
    TLS,
    DNS_UNRESOLVED,
    of=Http,
    timeout_s=5,
    every_s=5,
)
async def answers(server: Http, context: Context) -> Finding:
    """The server answers with the expected status and body, in time, and so do nearly all requests.

    Looks at: one request on a fresh connection, redirects followed (at most 5), the body read up to 1 MiB.
    A failure is followed by up to ``samples`` more requests within 2 s (3 to a public address), so that a server
    that fails always, sometimes and once can be told apart; so is a single run that knows less than 20 answers.
    Thresholds: ``latency_ms`` (10000) for slow answers, ``error_percent`` (10) for the share that fails.
    Why: a process can live and listen while it answers nothing, or only errors.
    By hand: ``curl -sS -i -m 5 URL``
    Healed by: restart-component; refused credentials, certificates and unknown names go to a person.
    """
    from paramedic.packs.http.exchange import Client  # aiohttp takes long to import

    window = _last_minute(context)
    async with Client(server, context.clock) as client:
        first = await _ask(client, server, context, window)
        if first.code in _ENOUGH_SAID:
            return first
        fresh = Sample()
        fresh.replace(list(window.seen)[-1:])
        if first.status.is_failing or _is_alarming(window, context) or (len(window) < ENOUGH and _must_know(context)):
            await _burst(client, server, context, window, fresh)
    found = _conclude(first, fresh, window, context)
    context.memory["failed"] = found.status.is_failing
    return await with_who_listens(found, server, context) if found.code in _ANOTHER_MAY_ANSWER else found


async def _ask(client: "Client", server: Http, context: Context, *samples: Sample) -> Finding:
    """One request, judged; counted in the samples if the server was reached."""
    try:
        answer = await client.ask(context.remaining_s * SHARE_OF_TIME)
    except NoAnswer as none:
        found, title, latency_ms = judge_none(none, server, context), f"no answer: {none}", None
    else:
        found, title, latency_ms = judge(answer, server, context), answer.title, answer.latency_ms
    if found.code not in _NEVER_REACHED:
        failure = title if found.status is Status.CRITICAL else None
        for sample in samples:
            sample.seen.append(Seen(at=context.clock.monotonic(), failure=failure, latency_ms=latency_ms))
    return found


async def _burst(client: "Client", server: Http, context: Context, window: Sample, fresh: Sample) -> None:
    """Ask again until the share of failures is clear, the requests are used up, or the time is."""
    most = server.samples if server.is_near else min(server.samples, _PUBLIC_SAMPLES)
    until = context.clock.monotonic() + min(_BURST_S, context.remaining_s * SHARE_OF_TIME)
    while len(fresh) < most and context.clock.monotonic() < until:
        found = await _ask(client, server, context, window, fresh)
        if found.code in _ENOUGH_SAID:
            return
        is_clear = 100 * fresh.failures / most > _most_percent(context)
        if len(fresh) >= FEWEST and is_clear:
            return


def _conclude(first: Finding, fresh: Sample, window: Sample, context: Context) -> Finding:
    if fresh.failures == len(fresh):
        return first
    sample = fresh if len(fresh) >= FEWEST else window
    if _is_alarming(sample, context):
        return context.critical(
            ERROR_RATE,
            observed=f"{sample.failures} of {len(sample)} requests failed ({sample.error_percent:.0f} %)",
            expected=f"at most {_most_percent(context):g} % failures",
            because="some requests are answered well, so the server lives and a part of it is broken",
            hint="read its log for the failing requests; a restart helps where a worker is stuck or leaking",
            evidence=(Evidence(label="failures", text=sample.failures_by_kind), *first.evidence),
            error_percent=sample.error_percent,
        )
    if len(fresh) >= FEWEST and not fresh.failures:
        window.replace(fresh.seen)  # whatever failed before is over
    if first.status.is_failing and len(sample) < FEWEST:
        return first
    measures = {**first.measures, "error_percent": sample.error_percent}
    return _slow(first, window, context) or context.ok(
        first.observed
        if not sample.failures
        else f"{sample.failures} of {len(sample)} requests failed, which is within the limit",
        **measures,
    )


def _slow(first: Finding, window: Sample, context: Context) -> Finding | None:
    """A finding when answers take longer than they may, else nothing."""
    objective = context.service.objectives.get(context.component.name)
    latency_ms = first.measures.get("latency_ms", 0.0)
    longest_ms = context.threshold("latency_ms", 10_000)
    p95_ms = window.p95_ms or 0.0
    if latency_ms > longest_ms:
        observed, expected = f"answered in {latency_ms:.0f} ms", f"an answer within {longest_ms:.0f} ms"
    elif objective and objective.latency_p95_ms is not None and p95_ms > objective.latency_p95_ms:
        observed = f"the slowest of {len(window)} answers took {p95_ms:.0f} ms or more (95th percentile)"
        expected = f"a 95th percentile within {objective.latency_p95_ms:.0f} ms"
    else:
        return None
    return context.warning(
        SLOW,
        observed=observed,
        expected=expected,
        because="the answers themselves are as expected",
        hint="look at what it waits for: the load on its machine, its database, the services it calls",
        latency_ms=latency_ms,
        latency_p95_ms=p95_ms,
    )


def _must_know(context: Context) -> bool:
    """Whether this look alone must tell the share of failures: when no other follows, or after it was too high."""
    return not context.looks_again or context.memory.get("failed", False) is True


def _last_minute(context: Context) -> Sample:
    """What earlier looks saw, without what is too old or was answered by a process that is gone."""
    window = context.memory.setdefault("window", Sample())
    if not isinstance(window, Sample):  # never: only this function sets it
        raise TypeError(type(window).__name__)
    uptime_s = context.processes.facts(context.component).uptime_s
    window.forget_before(context.clock.monotonic() - min(WINDOW_S, WINDOW_S if uptime_s is None else uptime_s))
    return window


def _is_alarming(sample: Sample, context: Context) -> bool:
    return len(sample) >= FEWEST and sample.error_percent > _most_percent(context)


def _most_percent(context: Context) -> float:
    return context.threshold("error_percent", 10)
