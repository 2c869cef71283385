"""Breakers that stay open, and breakers that open for nothing."""

from collections.abc import Mapping
from typing import Any

from paramedic.guard.outside import BY_AN_OPERATOR
from paramedic.guard.settings import patient_profile
from paramedic.packs.guards import codes
from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, age_s, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import (
    ActContext,
    ActionFailed,
    Component,
    Context,
    DidIt,
    Evidence,
    Finding,
    Json,
    Outcome,
    Preview,
    Risk,
    Status,
    action,
    check,
)

_TRIPS = 3.0
_TRIPS_WINDOW_S = 600.0
_GRACE_S = 1.0
"""A breaker turns to half open within moments; only what does not is stuck."""
_WATCHED_S = 2.0


@check(codes.STUCK_OPEN, codes.FLAPPING, of=Guards, timeout_s=5, every_s=_WATCHED_S, id="guards.breakers")
async def breakers(target: Guards, context: Context) -> list[Finding]:
    """Breakers let calls through again when they may, and open only for what lasts.

    Looks at: the breakers that the component's processes show: one that refuses calls for longer than its own recovery
    timeout (``stuck_after_s`` instead of it, where given), because it was forced open or its trial calls never end,
    is stuck; one that opened and closed again by itself ``trips`` (3) times within ``trips_window_s`` (600) flaps.
    Why: behind a stuck breaker a part of the service stays away although everything works; one that flaps takes a
    part away for every blip.
    By hand: ``paramedic breakers list``
    Healed by: reset-breaker, when the checks of what it protects pass; retune-breaker after an approval. What an
    operator opened with ``paramedic breakers open`` stays open.
    """
    found = await seen(target, context, "breaker")
    if not found:
        return [context.ok("no running process shows a breaker")]
    stuck = [each for each in found if is_stuck(each, context)]
    flapping = [(each, count) for each in found if (count := _trips(each, context)) >= _limit(context)]
    findings = []
    if stuck:
        findings.append(
            context.critical(
                codes.STUCK_OPEN,
                observed=f"breaker {_listed(stuck)} has refused calls for {_age(stuck[0], context):.0f} s",
                expected=f"a trial call after {_patience(stuck[0], context):g} s",
                because=_why(stuck[0]),
                hint=f"once what it protects works: `paramedic breakers reset {stuck[0].name}`",
                evidence=tuple(Evidence(label=each.where, text=_why(each)) for each in stuck),
                refused=float(sum(each.shows["rejected"] for each in stuck)),
            )
        )
    if flapping:
        worst, times = max(flapping, key=lambda each: each[1])
        findings.append(
            context.warning(
                codes.FLAPPING,
                observed=f"breaker {worst.where} opened {times} times and closed again by itself",
                expected=f"fewer than {_limit(context):g} times within "
                f"{context.threshold('trips_window_s', _TRIPS_WINDOW_S):g} s",
                because=f"the last time: {_last_reason(worst)}",
                hint=f"let it be more patient: `paramedic breakers tune {worst.name} failure_threshold=8`",
                trips=float(times),
            )
        )
    away = [each for each in found if each.shows["state"] != "closed"]
    told = f", {_listed(away)} not closed: {_why(away[0])}" if away else ""
    return findings or [context.ok(f"{len(found)} breakers{told}", breakers=float(len(found)))]


def is_stuck(guard: Guard, context: Context | ActContext) -> bool:
    """Whether it refuses calls although it should have tried again, and nobody wants it to."""
    shows = guard.shows
    if shows["state"] == "closed" or str(shows["because"]).startswith(BY_AN_OPERATOR):
        return False
    waits_for_ever = shows["half_open_calls"] >= shows["settings"]["half_open_max_calls"]
    if shows["state"] == "half_open" and not waits_for_ever:
        return False
    return _age(guard, context) > _patience(guard, context) + _GRACE_S


def _patience(guard: Guard, context: Context | ActContext) -> float:
    own = float(guard.shows["settings"]["recovery_timeout"])
    return context.component.thresholds.get("stuck_after_s", own)


def _age(guard: Guard, context: Context | ActContext) -> float:
    return age_s(guard.shows["state_change_time"], context)


def _limit(context: Context) -> float:
    return context.threshold("trips", _TRIPS)


def _trips(guard: Guard, context: Context) -> int:
    """How often it opened for something that was over at the first trial, since its settings were changed last."""
    window_s = context.threshold("trips_window_s", _TRIPS_WINDOW_S)
    times = 0
    opened, lasts = "", False
    for event in guard.events():
        match event["kind"]:
            case "opened":
                # a second opening without a closing between them is an outage that lasts
                lasts = bool(opened) or bool(event["detail"].get("forced"))
                opened = event["at"]
            case "closed":
                is_blip = opened and not lasts and event["because"] != "reset"
                times += bool(is_blip) and age_s(opened, context) <= window_s
                opened = ""
            case "tuned":
                times = 0
    return times


def _last_reason(guard: Guard) -> str:
    reasons = [str(each["because"]) for each in guard.events() if each["kind"] == "opened"]
    return reasons[-1] if reasons else "unknown"


def _why(guard: Guard) -> str:
    because = str(guard.shows["because"])
    if guard.shows["state"] == "half_open":
        return f"its {guard.shows['half_open_calls']} trial calls do not end"
    return f"it is held open: {because}" if guard.shows["forced"] else because


def _listed(found: list[Guard]) -> str:
    return ", ".join(each.where for each in found)


# ---------------------------------------------------------------------- what heals them


@action("breaker.reset", risk=Risk.REVERSIBLE)
class Reset:
    """Close the breakers that are stuck, where the checks of what they protect pass.

    Params: ``partly``: close those that may be, although others have to stay open; without it, all or none.
    """

    async def preview(self, context: ActContext) -> Preview:
        stuck = await _stuck(context)
        names = ", ".join(dict.fromkeys(f"`{each.name}`" for each in stuck)) or "no breaker: none is stuck"
        return Preview(summary=f"close {names}", blocked=await _not_yet(context, stuck))

    async def apply(self, context: ActContext) -> Outcome:
        stuck, left = await _stuck(context), ""
        if reason := await _not_yet(context, stuck):
            left = f"; {reason}"
            stuck = [each for each in stuck if context.params.get("partly") and not await _not_yet(context, [each])]
            if not stuck:
                raise ActionFailed(reason)
        for each in stuck:
            await order(context, each, "reset")
            context.checkpoint("mid-act")
        closed: list[Json] = [
            {"name": each.name, "pid": each.process.pid, "forced": each.shows["forced"], "because": _why(each)}
            for each in stuck
        ]
        return Outcome(summary=f"closed {_listed(stuck) or 'none: none was stuck'}{left}", output={"closed": closed})

    async def reconcile(self, context: ActContext) -> DidIt:
        # a second reset of a closed breaker changes nothing
        return DidIt.NO if await _stuck(context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        held = {(each["name"], each["pid"]): each["because"] for each in _entries(output, "closed") if each["forced"]}
        opened = []
        for each in await seen(target_of(context), context, "breaker"):
            if (because := held.get((each.name, each.process.pid))) and each.shows["state"] == "closed":
                await order(context, each, "open", because=because)
                opened.append(each)
        return f"opened {_listed(opened)} again" if opened else "nothing to take back: a breaker opens by itself"


@action("breaker.retune", risk=Risk.REVERSIBLE)
class Retune:
    """Give breakers that flap the patient profile, and leave alone what is more patient already."""

    async def preview(self, context: ActContext) -> Preview:
        wanted = [(each, change) for each in await _flapping(context) if (change := _patient(each))]
        lines = [
            f"{each.where}: {name}: {each.shows['settings'].get(name)} -> {value}"
            for each, change in wanted
            for name, value in change.items()
        ]
        return Preview(
            summary=f"let {_listed([each for each, _ in wanted])} be more patient" if wanted else "change no breaker",
            diff="\n".join(lines),
            blocked=None if wanted else "every breaker that flaps is as patient as the profile already",
        )

    async def apply(self, context: ActContext) -> Outcome:
        before: list[Json] = []
        changed = []
        for each in await _flapping(context):
            if change := _patient(each):
                before.append({"name": each.name, "settings": _only(each.shows["settings"], change)})
                await order(context, each, "tune", **change)
                changed.append(each)
                context.checkpoint("mid-act")
        return Outcome(
            summary=f"{_listed(changed)} is more patient until its process ends; its program says it for good"
            if changed
            else "every breaker is patient already",
            output={"before": before},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if [each for each in await _flapping(context) if _patient(each)] else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        old = {each["name"]: each["settings"] for each in _entries(output, "before")}
        back = [each for each in await seen(target_of(context), context, "breaker") if each.name in old]
        for each in back:
            await order(context, each, "tune", **old[each.name])
        return f"{_listed(back) or 'no breaker'} has its settings again"


def _entries(output: Mapping[str, Json], name: str) -> list[dict[str, Any]]:  # Any: plain JSON values
    found = output.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _only(settings: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in names}


async def _stuck(context: ActContext) -> list[Guard]:
    return [each for each in await seen(target_of(context), context, "breaker") if is_stuck(each, context)]


async def _flapping(context: ActContext) -> list[Guard]:
    """Those that ever opened: which of them flaps was judged when the plan was made."""
    found = await seen(target_of(context), context, "breaker")
    return [each for each in found if each.shows["opened_times"] >= _TRIPS]


def _patient(guard: Guard) -> dict[str, Any]:
    """What the profile changes; never anything that would make it less patient."""
    settings, profile = guard.shows["settings"], patient_profile()
    change: dict[str, Any] = {}
    if settings["failure_threshold"] < profile["failure_threshold"]:
        change["failure_threshold"] = profile["failure_threshold"]
        change["success_threshold"] = max(profile["success_threshold"], settings["success_threshold"])
        if settings["recovery_timeout"] > profile["recovery_timeout"]:
            change["recovery_timeout"] = profile["recovery_timeout"]
    if settings["trip_conditions"]:
        patient = {each["comparison"]: each for each in profile["trip_conditions"]}
        conditions = [_condition(each, patient) for each in settings["trip_conditions"]]
        if conditions != settings["trip_conditions"]:
            change["trip_conditions"] = conditions
    return change


def _condition(given: dict[str, Any], patient: Mapping[str, Any]) -> dict[str, Any]:
    """A condition on latency or on a rate of success that is at least as patient as the profile's."""
    above = given["comparison"] in ("greater_than", "gt", ">", "above", "over")
    profile = patient["greater_than" if above else "less_than"]
    limit = profile["threshold_ms"] if above else profile["threshold"]
    is_alike = given["metric"].endswith(("_ms", "_p95", "_p99")) if above else 0 <= given["threshold"] <= 1
    if not is_alike:
        return given
    return {
        **given,
        "threshold": max(given["threshold"], limit) if above else min(given["threshold"], limit),
        "consecutive_violations": max(given["consecutive_violations"], profile["consecutive_violations"]),
    }


async def _not_yet(context: ActContext, stuck: list[Guard]) -> str | None:
    """Why a stuck breaker must stay open: what it protects does not work, or nobody knows what that is."""
    for each in stuck:
        protects = protected(each, context)
        if not protects:
            return f"nobody says what breaker `{each.name}` protects; name it in `dependencies`"
        for name in protects:
            if name not in context.service.components:
                return f"breaker `{each.name}` is said to protect `{name}`, which is no component"
            findings = await context.look(name)
            ill = [found for found in findings if found.status not in (Status.OK, Status.INFO)]
            if ill or not findings:
                told = ill[0].observed if ill else "no check looks at it"
                return f"`{name}`, which breaker `{each.name}` protects, does not pass its checks: {told}"
    return None


def protected(guard: Guard, context: Context | ActContext) -> tuple[str, ...]:
    """The components that a breaker protects calls to."""
    component: Component = context.component
    if named := target_of(context).dependencies.get(guard.name):
        return (named,)
    if guard.name in context.service.components and guard.name != component.name:
        return (guard.name,)
    return component.depends_on
