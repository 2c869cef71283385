"""Waits until a component's checks pass."""

from collections.abc import Sequence

from paramedic.packs.process import words
from paramedic.sdk import ActContext, ActionFailed, Exit, Finding, ProcessFacts, Status
from paramedic.sdk.ports import Readiness

FIRST_POLL_S = 0.02
LONGEST_POLL_S = 0.25
_GROWTH = 1.3
STEADY_S = 1.0
"""How long a process that no check talks to must live before it counts as started."""


async def wait(context: ActContext, within_s: float, *, must_live: bool) -> float:
    """Look again and again until every check of the component passes; returns the seconds it took.

    Only what failed is looked at again, and everything once more in the end.

    Args:
        context: of the act.
        within_s: how long it may take.
        must_live: nobody else brings its process back, so that its end ends the waiting.

    Raises:
        ActionFailed: the process ended, or a check still fails; the message says which and how.
    """
    name, clock = context.component.name, context.clock
    began, pause_s = clock.monotonic(), FIRST_POLL_S
    pending: tuple[str, ...] = ()
    while True:
        if must_live:
            _demand_life(context)
        findings = await context.look(name, pending)
        failing = [each for each in findings if each.status is Status.CRITICAL]
        if not failing and (findings or not pending) and not _is_blind(findings):
            if must_live:
                _demand_life(context)  # what answered may have been another process
            if not pending and must_live and (left_s := _until_steady(context, findings)) > 0:
                await clock.sleep(min(left_s, LONGEST_POLL_S))
                continue
            if not pending:
                if isinstance(context.processes, Readiness):
                    context.processes.mark_ready(name)
                return clock.monotonic() - began
            pending = ()  # what failed passes: now all of it, at once
            continue
        pending = tuple(sorted({each.check for each in failing}))
        if clock.monotonic() - began + pause_s > within_s:
            if must_live:
                _demand_life(context)
            raise ActionFailed(f"`{name}` does not answer within {words.spell(within_s)}: {_worst(failing, findings)}")
        await clock.sleep(pause_s)
        pause_s = min(pause_s * _GROWTH, LONGEST_POLL_S)


def _until_steady(context: ActContext, findings: Sequence[Finding]) -> float:
    """Seconds that it must still live where nothing proves more than that it does."""
    if any(not each.check.startswith("process.") for each in findings):
        return 0.0
    return STEADY_S - (context.processes.facts(context.component).uptime_s or 0.0)


def _demand_life(context: ActContext) -> None:
    facts = context.processes.facts(context.component)
    if facts.pid is not None:
        return
    last = words.last_error(facts.log_tail) or words.last_line(facts)
    raise ActionFailed(f"`{context.component.name}` {_end(facts)} while it started" + (f": {last}" if last else ""))


def _end(facts: ProcessFacts) -> str:
    end: Exit | None = facts.exits[0] if facts.exits else None
    return f"{end.in_words} after {words.spell(end.uptime_s)}" if end else "ended"


def _is_blind(findings: Sequence[Finding]) -> bool:
    """Nothing could be looked at: that is no proof of health."""
    return bool(findings) and all(each.status is Status.UNKNOWN for each in findings)


def _worst(failing: Sequence[Finding], findings: Sequence[Finding]) -> str:
    shown = [*failing, *findings]
    return shown[0].observed if shown else "no check looks at it"
