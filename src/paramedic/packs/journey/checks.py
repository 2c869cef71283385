"""Does a journey come to its end?"""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.http.answer import Answer, NoAnswer, Trouble
from paramedic.packs.http.judge import excerpt
from paramedic.packs.http.schema import CannotJudge
from paramedic.packs.journey.target import Journey, Step
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Code, Context, Depth, Ending, Evidence, Finding, IssueType, check

if TYPE_CHECKING:
    from paramedic.packs.journey.travel import Traveller

FAILED = Code(
    id="journey.failed",
    type=IssueType.OUTAGE,
    summary="a step of a journey went otherwise than declared, so users cannot do what it stands for",
)
SLOW = Code(
    id="journey.slow",
    type=IssueType.PERFORMANCE,
    summary="a journey comes to its end, but takes longer than it may",
    ending=Ending.ADVISE,
)
_LEAST_S = 0.05


@check(
    FAILED,
    SLOW,
    of=Journey,
    asks=lambda journey: journey.permits,
    imports=("paramedic.packs.journey.travel",),
    probes=True,
    timeout_s=30,
    every_s=60,
    depth=Depth.FULL,
)
async def completes(journey: Journey, context: Context) -> Finding:
    """Every step of the journey goes as declared, in time.

    Looks at: each step in turn, with the same cookies, as one user; the first that goes wrong ends it. What answers
    held is kept for later steps and never told. A journey that writes or spends runs only where the service file
    says ``permits: [writes]`` or ``[spends]``. Threshold: ``latency_ms`` for the whole way (none).
    Why: every part can be well by itself while the way through them is broken; users only know the way.
    By hand: ``paramedic probe run NAME``, or the steps of the service file with ``curl``.
    Healed by: nothing by itself; what it depends on (``depends_on``) is looked at and healed first, and after that
    the journey is looked at again.
    """
    from paramedic.packs.journey.travel import Failed, Traveller  # aiohttp takes long to import

    taken: list[float] = []
    async with Traveller(journey=journey, clock=context.clock) as traveller:
        for step in journey.steps:
            began = context.clock.monotonic()
            limit_s = min(step.within_s, context.remaining_s * SHARE_OF_TIME)
            try:
                if limit_s < _LEAST_S:
                    raise Failed("to come to its end in time", "no time was left; raise `timeout` if it is meant so")
                await traveller.take(step, limit_s)
            except Failed as failed:
                took_ms = (context.clock.monotonic() - began) * 1000
                wrong = (failed.expected, str(failed), failed.answer)
                return _failed(journey, [*taken, took_ms], wrong, traveller, context)
            except NoAnswer as none:
                if none.trouble is Trouble.OURS:
                    return context.unknown(f"this machine could not take the step `{step.title}`: {none}")
                took_ms = (context.clock.monotonic() - began) * 1000
                expected = f"an answer within {limit_s:g} s"
                return _failed(journey, [*taken, took_ms], (expected, _said(none), None), traveller, context)
            except CannotJudge as cannot:
                return context.unknown(
                    f"the answer to the step `{step.title}` could not be judged: {cannot}",
                    hint="correct `expect.schema`",
                )
            taken.append((context.clock.monotonic() - began) * 1000)
    total_ms = sum(taken)
    if total_ms > (longest_ms := context.threshold("latency_ms", math.inf)):
        slowest = max(range(len(taken)), key=taken.__getitem__)
        slow = context.warning(
            SLOW,
            observed=f"all {len(taken)} steps went well, in {total_ms:.0f} ms",
            expected=f"the end within {longest_ms:.0f} ms",
            because=f"the slowest step was `{journey.steps[slowest].title}` with {taken[slowest]:.0f} ms",
            hint="look at what that step waits for",
            evidence=(_way(journey, taken),),
        )
        return replace(slow, measures=_measures(journey, taken))
    how_many = "the only step" if len(taken) == 1 else f"all {len(taken)} steps"
    return context.ok(f"{how_many} went well, in {total_ms:.0f} ms", **_measures(journey, taken))


def _failed(
    journey: Journey,
    taken: list[float],
    wrong: tuple[str, str, Answer | None],
    traveller: "Traveller",
    context: Context,
) -> Finding:
    """The finding for the step at which the journey ended."""
    expected, observed, answer = wrong
    number, step = len(taken), journey.steps[len(taken) - 1]
    before = f"the {number - 1} before it went well, in {sum(taken[:-1]):.0f} ms" if number > 1 else "it is the first"
    shown = tuple(
        Evidence(label=each.label, text=traveller.concealed(each.text)) for each in (excerpt(answer) if answer else ())
    )
    found = context.critical(
        FAILED,
        observed=f"step {number} of {len(journey.steps)}, `{step.title}`: {traveller.concealed(observed)}",
        expected=traveller.concealed(expected),
        because=f"{before}; this step took {taken[-1]:.0f} ms",
        hint=_hint(step, context),
        evidence=(_way(journey, taken, observed=traveller.concealed(observed)), *shown),
    )
    return replace(found, measures=_measures(journey, taken[:-1]))


def _hint(step: Step, context: Context) -> str:
    needed = ", ".join(f"`{each}`" for each in context.component.depends_on)
    where = f"look at {needed} and its log around now" if needed else "read the server's log around now"
    again = f"`paramedic probe run {context.component.name}` tries it again"
    return f"{where}; {again}; if `{step.title}` is meant to answer so, correct its `expect`"


def _way(journey: Journey, taken: list[float], *, observed: str = "") -> Evidence:
    def rows() -> Iterator[str]:
        for number, step in enumerate(journey.steps, 1):
            if number > len(taken):
                yield f"{number}. {step.title}: not reached"
            else:
                is_end = observed and number == len(taken)
                yield f"{number}. {step.title}: {taken[number - 1]:.0f} ms{f', {observed}' if is_end else ''}"

    return Evidence(label="steps", text="\n".join(rows()))


def _measures(journey: Journey, taken: list[float]) -> dict[str, float]:
    """The whole way and each step, named so that a series of them can be kept."""
    steps = {
        f"step_{number}_{re.sub('[^a-z0-9]+', '_', step.title.lower()).strip('_')[:40]}_ms": took_ms
        for number, (step, took_ms) in enumerate(zip(journey.steps, taken, strict=False), 1)
    }
    return {"latency_ms": sum(taken), **steps} if taken else {}


def _said(none: NoAnswer) -> str:
    match none.trouble:
        case Trouble.NAME | Trouble.CONNECT:
            return f"no connection can be made: {none}"
        case Trouble.TLS:
            return f"no trusted connection can be made: {none}"
        case _:
            return str(none)
