"""Does it answer, as it should, in time, and every time?"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.http.codes import (
    AUTH,
    BODY,
    DOWNGRADE,
    ERROR_RATE,
    HEADER,
    POOL,
    PROTOCOL,
    RATE_LIMITED,
    REFUSED,
    SLOW,
    STATUS,
    TIMEOUT,
    TLS,
)
from paramedic.packs.http.judge import judge, judge_none
from paramedic.packs.http.patience import keep_away, still_waiting
from paramedic.packs.http.stranger import with_who_listens
from paramedic.packs.http.target import Http
from paramedic.packs.http.window import ENOUGH, FEWEST, MANY, WINDOW_S, Sample, Seen
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.sdk import Context, Evidence, Finding, Status, check
from paramedic.sdk.context import CANNOT_LOOK

if TYPE_CHECKING:
    from paramedic.packs.http.exchange import Client

_NEVER_REACHED = {REFUSED.id, TLS.id, DNS_UNRESOLVED.id, CANNOT_LOOK}
_ENOUGH_SAID = _NEVER_REACHED | {TIMEOUT.id, AUTH.id, RATE_LIMITED.id}
_ANOTHER_MAY_ANSWER = {STATUS.id, HEADER.id, BODY.id, PROTOCOL.id}
_BURST_S = 2.0
_P95_MS = 1000.0


@check(
    REFUSED,
    TIMEOUT,
    STATUS,
    AUTH,
    RATE_LIMITED,
    HEADER,
    BODY,
    DOWNGRADE,
    SLOW,
    ERROR_RATE,
    POOL,
    PROTOCOL,
    TLS,
    DNS_UNRESOLVED,
    of=Http,
    asks=lambda server: server.permits,
    imports=("paramedic.packs.http.exchange",),
    timeout_s=5,
    every_s=5,
)
async def answers(server: Http, context: Context) -> Finding:
    """The server answers with the expected status, headers and body, in time, and nearly always.

    Looks at: one request on a fresh connection, redirects followed (at most 5), the body read up to 1 MiB.
    A failure is followed by up to ``samples`` more requests within 2 s (3 to a public address), so that a server
    that fails always, sometimes and once can be told apart; so is a single run that knows less than 20 answers.
    A server that asks to be called less often (429, or 503 with ``Retry-After``) is not asked before that time.
    Thresholds: ``latency_ms`` (10000) for one answer; ``latency_p50_ms``, ``latency_p95_ms`` (1000, or the objective)
    and ``latency_p99_ms`` for the last minute; ``error_percent`` (10) for the share that fails; ``pool_full_s`` (60)
    for how long every connection of its pool may be lent, where ``pool`` says where the answer tells of it.
    Why: a process can live and listen while it answers nothing, or only errors.
    By hand: ``curl -sS -i -m 5 URL``
    Healed by: restart-component, reset-pools; refused credentials, certificates and unknown names go to a person.
    """
    from paramedic.packs.http.exchange import Client  # aiohttp takes long to import

    if waiting := still_waiting(context):
        return waiting
    window = _last_minute(context)
    async with Client(context.clock) as client:
        first = await _ask(client, server, context, window)
        if first.code == RATE_LIMITED.id:
            keep_away(first, context)
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
        answer = await client.ask(server.request, context.remaining_s * SHARE_OF_TIME)
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
    most = server.repeats
    until = context.clock.monotonic() + min(_BURST_S, context.remaining_s * SHARE_OF_TIME)
    while len(fresh) < most and context.clock.monotonic() < until:
        found = await _ask(client, server, context, window, fresh)
        if found.code == RATE_LIMITED.id:
            keep_away(found, context)
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
    measures = {**first.measures, **_percentiles(window), "error_percent": sample.error_percent}
    if slow := _slow(first, window, context):
        return replace(slow, measures=measures)
    if first.status is Status.WARNING or not sample.failures:
        return replace(first, measures=measures)
    return context.ok(f"{sample.failures} of {len(sample)} requests failed, which is within the limit", **measures)


def _slow(first: Finding, window: Sample, context: Context) -> Finding | None:
    """A finding when answers take longer than they may, else nothing."""
    latency_ms = first.measures.get("latency_ms", 0.0)
    longest_ms = context.threshold("latency_ms", 10_000)
    if latency_ms > longest_ms:
        return _too_slow(f"answered in {latency_ms:.0f} ms", f"an answer within {longest_ms:.0f} ms", context)
    for percent, limit_ms in _limits_ms(context).items():
        found_ms = window.percentile_ms(percent)
        if found_ms is not None and found_ms > limit_ms:
            return _too_slow(
                f"the {percent}th percentile of {len(window)} answers is {found_ms:.0f} ms",
                f"a {percent}th percentile within {limit_ms:.0f} ms",
                context,
            )
    return None


def _limits_ms(context: Context) -> dict[int, float]:
    """Percentile to the longest that it may be."""
    objective = context.service.objectives.get(context.component.name)
    promised_ms = objective.latency_p95_ms if objective else None
    return {
        95: context.threshold("latency_p95_ms", _P95_MS if promised_ms is None else promised_ms),
        99: context.threshold("latency_p99_ms", math.inf),
        50: context.threshold("latency_p50_ms", math.inf),
    }


def _percentiles(window: Sample) -> dict[str, float]:
    """What is worth keeping over time, of a minute that is known well enough."""
    wanted = {50: ENOUGH, 95: ENOUGH, 99: MANY}
    found = {each: window.percentile_ms(each) for each, least in wanted.items() if len(window) >= least}
    return {f"latency_p{each}_ms": value for each, value in found.items() if value is not None}


def _too_slow(observed: str, expected: str, context: Context) -> Finding:
    return context.warning(
        SLOW,
        observed=observed,
        expected=expected,
        because="the answers themselves are as expected",
        hint="look at what it waits for: the load on its machine, its database, the services it calls",
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
