"""Budgets: a downgrade that nobody lifts, a caller that loops, energy above its budget."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic.packs.guards import codes
from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, age_s, seen
from paramedic.packs.guards.state_files import State, change, unseen_files
from paramedic.packs.guards.target import Guards
from paramedic.sdk import (
    ActContext,
    Context,
    DidIt,
    Finding,
    Json,
    Outcome,
    Preview,
    Risk,
    action,
    check,
)
from paramedic.sdk.blocking import in_thread

_COOLDOWN_S = 300.0
_REFUSED_CALLS = 5.0
_LATELY_S = 60.0
_RUNAWAY_PERCENT = 25.0
_ENOUGH_WITHIN = 3
"""So many requests within budget after the last breach, and it is over."""
_ENERGY = "energy"
_BASELINE = "baseline"


@check(codes.TRIPWIRE_STUCK, codes.RUNAWAY, codes.ENERGY, of=Guards, timeout_s=5, every_s=5, id="guards.budgets")
async def budgets(target: Guards, context: Context) -> list[Finding]:
    """Budgets are kept: use is within them, a downgrade ends when it is, and nobody spends in a loop.

    Looks at: the budgets that the component's processes show, and the state files of those that run nowhere. A
    downgrade is stuck when its last breach is older than its cool-down; a caller runs away when a scope was refused
    ``refused_calls`` (5) times and goes on, or spent ``runaway_percent`` (25) of its limit within a minute; energy is
    too high when as many requests running as trip the wire were above their budget, and overlays are still on.
    Why: a stuck downgrade takes the better answers from everybody; a loop spends in minutes what was meant for a day.
    By hand: ``paramedic budget status``
    Healed by: reset-tripwire, stop-spending, downgrade-to-baseline; a stopped scope may go on after
    ``paramedic budget allow SCOPE``.
    """
    found = await seen(target, context)
    held = [each for each in found if each.kind == "budget"]
    files = await in_thread(unseen_files, target, held)
    findings = [
        *_stuck_ones(held, files, context),
        *_runaways(held, context),
        *_energy(held, found, context),
    ]
    if findings:
        return findings
    stopped = [f"`{scope}`" for each in held for scope in each.shows.get("stopped", ())]
    if stopped:
        return [context.info(f"{', '.join(stopped)} may spend no more until `paramedic budget allow`")]
    if not held and not files:
        return [context.ok("no running process shows a budget")]
    return [context.ok(f"{len(held)} budgets in running processes, {len(files)} in files", budgets=float(len(held)))]


def is_stuck(state: Mapping[str, Any], context: Context | ActContext) -> bool:  # Any: what a guard shows
    """Whether its downgrade should have ended."""
    settings = state.get("settings") or {}
    cooldown_s = context.component.thresholds.get("cooldown_s", float(settings.get("cooldown_s", _COOLDOWN_S)))
    return bool(state["downgrade_active"]) and age_s(state["last_breach_timestamp"], context) > cooldown_s


def _stuck_ones(held: list[Guard], files: list[State], context: Context) -> list[Finding]:
    stuck = [(each.where, each.shows) for each in held if is_stuck(each.shows, context)]
    stuck += [(f"`{each.path.name}`", each.content) for each in files if is_stuck(each.content, context)]
    if not stuck:
        return []
    shows = stuck[0][1]
    last = shows["last_breach_timestamp"]
    return [
        context.warning(
            codes.TRIPWIRE_STUCK,
            observed=f"the downgrade of {', '.join(each for each, _ in stuck)} is active since "
            f"{shows['downgrade_activated_at'] or 'nobody knows when'}",
            expected="the overlays again once use is within budget",
            because=f"the last breach was at {last}, longer ago than its cool-down" if last else "there was no breach",
            hint="`paramedic budget reset`",
        )
    ]


def runaway_scopes(guard: Guard, context: Context | ActContext) -> dict[str, str]:
    """Per scope that is being spent in a loop, how that is known."""
    shows = guard.shows
    stopped = set(shows.get("stopped", ()))
    limit = context.component.thresholds.get("refused_calls", _REFUSED_CALLS)
    return {
        scope: f"{refusal['times']} calls of `{scope}` were refused, the last at {refusal['last']}"
        for scope, refusal in (shows.get("refused") or {}).items()
        if "*" not in stopped
        and scope not in stopped
        and refusal["times"] >= limit
        and age_s(refusal["last"], context) <= _LATELY_S
    }


def _runaways(held: list[Guard], context: Context) -> list[Finding]:
    found: dict[str, str] = {}
    for each in held:
        found |= runaway_scopes(each, context) | _fast_ones(each, context)
    if not found:
        return []
    scope = next(iter(found))
    spent = next((each.shows["spent"][scope]["spent"] for each in held if scope in each.shows["spent"]), 0.0)
    return [
        context.critical(
            codes.RUNAWAY,
            observed=f"{', '.join(f'`{each}`' for each in found)} spends in a loop",
            expected="a caller that stops at its budget",
            because="; ".join(found.values()),
            hint=f"stop it: `paramedic budget stop {scope}`; then look at what calls in a loop",
            spent=float(spent),
        )
    ]


def _fast_ones(guard: Guard, context: Context) -> dict[str, str]:
    """Scopes that are still within their limit and will not be for long; needs more than one look."""
    share = context.threshold("runaway_percent", _RUNAWAY_PERCENT) / 100
    stopped = guard.shows.get("stopped", ())
    now = context.clock.monotonic()
    found = {}
    for scope, account in guard.shows["spent"].items():
        limit, spent = account["limit"], account["spent"]
        if not limit:
            continue
        looks = context.memory.setdefault(f"spent {guard.process.pid} {guard.name} {scope}", deque())
        assert isinstance(looks, deque)
        looks.append((now, spent))
        while looks[0][0] < now - _LATELY_S:
            looks.popleft()
        gained = spent - min(amount for _, amount in looks)
        if gained >= share * limit and scope not in stopped and "*" not in stopped:
            took_s = now - looks[0][0]
            found[scope] = f"{gained:g} of {limit:g} a day were spent within {took_s:.0f} s"
    return found


def energy_is_high(guard: Guard, found: list[Guard], context: Context | ActContext) -> bool:
    """Whether requests are above their energy budget running, and overlays may be the reason."""
    shows = guard.shows
    if guard.name != _ENERGY or shows.get("within_budget", 0) >= _ENOUGH_WITHIN:
        return False
    settings = shows.get("settings") or {}
    if shows["consecutive_breaches"] < int(settings.get("consecutive_breaches", 3)):
        return False
    if age_s(shows["last_breach_timestamp"], context) > float(settings.get("cooldown_s", _COOLDOWN_S)):
        return False
    since = [_baseline_since(each) for each in found if each.kind == "flags" and each.process == guard.process]
    return not all(at and at >= str(shows["last_breach_timestamp"]) for at in since) if since else True


def _baseline_since(flags: Guard) -> str | None:
    """When the emergency baseline began, in a process where it is on."""
    if flags.shows["decided_by"] != _BASELINE:
        return None
    return max((str(each["at"]) for each in flags.events() if each["kind"] == _BASELINE), default=None)


def _energy(held: list[Guard], found: list[Guard], context: Context) -> list[Finding]:
    high = [each for each in held if energy_is_high(each, found, context)]
    if not high:
        return []
    breaches = high[0].shows["recent_breaches"]
    delta = f"{breaches[-1]['token_delta']:.0f} % above it" if breaches else "above it"
    return [
        context.critical(
            codes.ENERGY,
            observed=f"{high[0].shows['consecutive_breaches']} requests running used more energy than their budget",
            expected="energy per request within its budget",
            because=f"the last one was {delta}",
            hint="`paramedic flags baseline` turns every overlay off; then look which one is expensive",
            breaches=float(high[0].shows["consecutive_breaches"]),
        )
    ]


# ---------------------------------------------------------------------- what heals them


@action("budget.reset-tripwire", risk=Risk.REVERSIBLE)
class ResetTripwire:
    """Lift the downgrades that should have ended; the history of breaches stays."""

    async def preview(self, context: ActContext) -> Preview:
        held, files = await _stuck_now(context)
        names = [each.where for each in held] + [f"`{each.path.name}`" for each in files]
        return Preview(summary=f"lift the downgrade of {', '.join(names) or 'no budget: none is stuck'}")

    async def apply(self, context: ActContext) -> Outcome:
        held, files = await _stuck_now(context)
        before: list[Json] = []
        for each in held:
            before.append({"file": each.shows["state_file"], "state": _marks(each.shows)})
            await order(context, each, "reset")
            context.checkpoint("mid-act")
        for file in files:
            before.append({"file": str(file.path), "state": _marks(file.content)})
            await in_thread(change, file.path, _LIFTED)
            context.checkpoint("mid-act")
        return Outcome(summary=f"lifted {len(before)} downgrades", output={"before": before})

    async def reconcile(self, context: ActContext) -> DidIt:
        held, files = await _stuck_now(context)
        return DidIt.NO if held or files else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        before = output.get("before")
        told = []
        for each in before if isinstance(before, list) else ():
            if isinstance(each, dict) and isinstance(each["state"], dict):
                path = Path(str(each["file"]))
                await in_thread(change, path, dict(each["state"]))  # processes take it over by themselves
                told.append(f"`{path.name}`")
        return f"{', '.join(told) or 'no budget'} has its downgrade again"


_LIFTED: dict[str, Any] = {"downgrade_active": False, "downgrade_activated_at": None, "consecutive_breaches": 0}


def _marks(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: state[name] for name in _LIFTED}


async def _stuck_now(context: ActContext) -> tuple[list[Guard], list[State]]:
    target = target_of(context)
    held = await seen(target, context, "budget")
    files = await in_thread(unseen_files, target, held)
    return (
        [each for each in held if is_stuck(each.shows, context)],
        [each for each in files if is_stuck(each.content, context)],
    )


@action("budget.stop-spending", risk=Risk.REVERSIBLE)
class StopSpending:
    """Refuse every further call of the scopes that are spent in a loop, until `paramedic budget allow`."""

    async def preview(self, context: ActContext) -> Preview:
        scopes = await _looping(context)
        names = ", ".join(f"`{scope}`" for _, scope in scopes)
        return Preview(
            summary=f"let {names} spend no more until somebody allows it again" if names else "stop nobody",
            blocked=None if names else "no caller loops any more",
        )

    async def apply(self, context: ActContext) -> Outcome:
        stopped: list[Json] = []
        for guard, scope in await _looping(context):
            await order(context, guard, "stop", scope=scope)
            stopped.append({"name": guard.name, "pid": guard.process.pid, "scope": scope})
            context.checkpoint("mid-act")
        names = ", ".join(dict.fromkeys(f"`{each['scope']}`" for each in stopped if isinstance(each, dict)))
        return Outcome(
            summary=f"{names} may spend no more; `paramedic budget allow SCOPE` lifts it"
            if names
            else "nobody loops any more",
            output={"stopped": stopped},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _looping(context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        stopped = output.get("stopped")
        wanted = [each for each in stopped if isinstance(each, dict)] if isinstance(stopped, list) else []
        told = []
        for guard in await seen(target_of(context), context, "budget"):
            for each in wanted:
                if (each["name"], each["pid"]) == (guard.name, guard.process.pid):
                    await order(context, guard, "allow", scope=str(each["scope"]))
                    told.append(f"`{each['scope']}`")
        return f"{', '.join(told) or 'nobody'} may spend again"


async def _looping(context: ActContext) -> list[tuple[Guard, str]]:
    """Every scope that loops somewhere, in every process that knows its budget; those that the check named, too."""
    held = await seen(target_of(context), context, "budget")
    scopes = {scope: None for each in held for scope in runaway_scopes(each, context)}
    if not scopes:
        findings = await context.look(context.component.name, ("guards.budgets",))
        told = " ".join(each.observed for each in findings if each.code == codes.RUNAWAY.id)
        scopes = {scope: None for each in held for scope in each.shows["spent"] if f"`{scope}`" in told}
    return [
        (each, scope)
        for each in held
        for scope in scopes
        if scope in each.shows["spent"] and scope not in each.shows.get("stopped", ())
    ]


@action("flags.baseline", risk=Risk.REVERSIBLE)
class Baseline:
    """Turn every overlay off in the running processes: the plain baseline is used."""

    async def preview(self, context: ActContext) -> Preview:
        flags = await _flags_on(context)
        names = ", ".join(f"`{name}`" for each in flags for name in each.shows["active"])
        return Preview(
            summary=f"turn every overlay off ({names or 'none is on'})",
            blocked=None if flags else "no running process has flags that are not at the baseline already",
        )

    async def apply(self, context: ActContext) -> Outcome:
        flags = await _flags_on(context)
        for each in flags:
            await order(context, each, "baseline", active=True)
            context.checkpoint("mid-act")
        pids: list[Json] = [each.process.pid for each in flags]
        return Outcome(
            summary=f"every overlay is off in {len(pids)} processes; `paramedic flags baseline --off` ends it",
            output={"pids": pids},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _flags_on(context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        pids = output.get("pids")
        flags = [
            each
            for each in await seen(target_of(context), context, "flags")
            if isinstance(pids, list) and each.process.pid in pids
        ]
        for each in flags:
            await order(context, each, "baseline", active=False)
        return f"file and environment decide again in {len(flags)} processes"


async def _flags_on(context: ActContext) -> list[Guard]:
    flags = await seen(target_of(context), context, "flags")
    return [each for each in flags if each.shows["decided_by"] != _BASELINE]
