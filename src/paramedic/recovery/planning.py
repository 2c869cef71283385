"""A playbook bound to a suspect: exactly what would be done, found out without doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paramedic.model.clock import Clock
from paramedic.model.code import Code
from paramedic.model.component import Component, Risk
from paramedic.model.errors import ConfigurationError, Problem
from paramedic.model.ids import IncidentId, PlanId, new_id
from paramedic.model.playbook import FailedCheck, Plan, PlanState, PlanStep, Playbook, PlaybookStep, Preview
from paramedic.model.service import Service, Settings
from paramedic.model.status import Severity
from paramedic.model.wire import Json
from paramedic.sdk.action import Undoable
from paramedic.sdk.context import ActContext
from paramedic.sdk.pack import Registry
from paramedic.sdk.ports import LastGood, Look, ProcessControl
from paramedic.sdk.shelf import BackupDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What acts work with on this node."""

    service: Service
    registry: Registry
    clock: Clock
    processes: ProcessControl
    look: Look
    last_good: LastGood
    backups: BackupDesk | None = None

    def context(self, step: PlanStep, plan: PlanId, *, token: str = "", limit_s: float = 30.0) -> ActContext:
        """The surroundings of one step of a plan. Raises ``KeyError`` when its component is no longer declared."""
        workspace = self.service.settings.state_dir / "plans" / plan
        return ActContext(
            service=self.service,
            component=self.service.components[step.component],
            params=step.params,
            clock=self.clock,
            processes=self.processes,
            look=self.look,
            last_good=self.last_good,
            backups=self.backups,
            workspace=workspace,
            token=token,
            limit_s=limit_s,
        )


def fingerprint(suspect: str, code: str) -> str:
    """Equal for equal troubles."""
    return f"{suspect}:{code}"


async def draw_up(
    bench: Bench,
    playbook: Playbook,
    suspect: str,
    code: str,
    failed: Sequence[FailedCheck],
    *,
    incident: IncidentId | None,
    attempt: int,
    baseline: Mapping[str, str],
    severity: Severity = Severity.P2,
) -> Plan:
    """Bind the playbook and preview every step. A step that cannot be done says so in ``preview.blocked``."""
    now = bench.clock.now()
    plan_id = PlanId(new_id("plan", now))
    steps = [
        await _bind(bench, each, suspect, plan_id) for step in playbook.steps for each in _spread(bench, step, suspect)
    ]
    settings = bench.service.settings
    limit_s, tries = _patience(settings, severity)
    affected = dict.fromkeys((*(step.component for step in steps), *bench.service.needed_by(suspect)))
    return Plan(
        id=plan_id,
        incident=incident,
        playbook=playbook.name,
        suspect=suspect,
        fingerprint=fingerprint(suspect, code),
        state=PlanState.PROPOSED,
        steps=tuple(steps),
        verify=tuple(failed),
        verify_times=playbook.verify.times or settings.verify_times,
        verify_within_s=playbook.verify.within_s or settings.verify_within_s,
        risk=max((step.risk for step in steps), key=lambda risk: risk.rank, default=Risk.SAFE),
        blast_radius=tuple(affected),
        needs_approval=None,
        attempt=attempt,
        created_at=now,
        step_limit_s=limit_s,
        step_tries=tries,
        goes_on=playbook.goes_on,
        baseline=baseline,
    )


def _patience(settings: Settings, severity: Severity) -> tuple[float, int]:
    """Seconds and tries of a step inside one attempt."""
    match severity:
        case Severity.P0:
            return settings.step_limit_p0_s, settings.step_tries_p0
        case Severity.P1:
            return settings.step_limit_p1_s, settings.step_tries_p1
    return settings.step_limit_s, settings.step_tries


def what_changed(plan: Plan, now: Plan | None) -> str:
    """What a plan assumed and is no longer so, in words; empty where it would be drawn up the same again."""
    if now is None:
        return f"`{plan.playbook}` is gone or needs what is not installed"
    if now.fingerprint != plan.fingerprint:
        return f"it is about {_trouble(plan)}, and the cause is {_trouble(now)} now"
    if len(now.steps) != len(plan.steps):
        return f"`{plan.playbook}` takes {len(now.steps)} steps now, not {len(plan.steps)}"
    for number, (old, new) in enumerate(zip(plan.steps, now.steps, strict=True), 1):
        if old != new:
            return f"step {number} is another one now: {_difference(old, new)}"
    return ""


def _trouble(plan: Plan) -> str:
    component, _, code = plan.fingerprint.partition(":")
    return f"`{code}` on `{component}`"


def _difference(old: PlanStep, new: PlanStep) -> str:
    if new.preview.blocked:
        return new.preview.blocked
    if (old.action, old.component, old.params) != (new.action, new.component, new.params):
        return f"`{new.action}` on `{new.component}` as it is defined now"
    if old.preview.summary != new.preview.summary:
        return f"{new.preview.summary}, where it was {old.preview.summary}"
    return "it would change something else" if old.preview.diff != new.preview.diff else "it would cost something else"


def blocked(plan: Plan) -> str | None:
    """Why the plan cannot be carried out at all, if so."""
    if plan.goes_on and not all(step.preview.blocked for step in plan.steps):
        return None
    return next((step.preview.blocked for step in plan.steps if step.preview.blocked), None)


def blocked_for_s(plan: Plan) -> float | None:
    """How long to wait until the plan may be possible; ``None`` where waiting alone changes nothing."""
    waits = [step.preview.blocked_for_s for step in plan.steps if step.preview.blocked]
    return max((each for each in waits if each is not None), default=None) if None not in waits else None


def losses(plan: Plan) -> tuple[str, ...]:
    """Everything that the plan would lose for good."""
    return tuple(loss for step in plan.steps for loss in step.preview.loss)


def _spread(bench: Bench, step: PlaybookStep, suspect: str) -> tuple[PlaybookStep, ...]:
    """One step for each of its ``components``, after all that they depend on; the step itself where it names none."""
    params = dict(step.params)
    if "components" not in params:
        return (step,)
    wanted = _fill(params.pop("components"), _names(bench, suspect))
    chosen = wanted if isinstance(wanted, list) else [wanted]
    order = bench.service.start_order()
    known = sorted((str(each) for each in chosen), key=lambda name: order.index(name) if name in order else -1)
    return tuple(PlaybookStep(action=step.action, params={**params, "component": name}) for name in known)


def _names(bench: Bench, suspect: str) -> dict[str, Json]:
    return {
        "suspect": suspect,
        "component": suspect,
        "dependants": list(bench.service.needed_by(suspect)),
        "dependencies": list(bench.service.needs(suspect)),
        "runs": list(_runs(bench, suspect)),
    }


def _runs(bench: Bench, name: str) -> tuple[str, ...]:
    """Those that run from what a component holds."""
    component = bench.service.components.get(name)
    kind = bench.registry.kinds.get(component.kind) if component else None
    return kind.runs(component.target) if kind and component else ()


def may_come_from_elsewhere(bench: Bench, component: str, code: Code) -> bool:
    """Whether a trouble's cause may be another part: by nature, or because the component runs from what that holds."""
    return code.depth == 0 or any(component in _runs(bench, each) for each in bench.service.needs(component))


async def _bind(bench: Bench, step: PlaybookStep, suspect: str, plan: PlanId) -> PlanStep:
    spec = bench.registry.actions.get(step.action)
    if spec is None:
        problem = Problem(message=f"the action `{step.action}` is gone", hint="install the pack that brings it")
        raise ConfigurationError((problem,))
    names = _names(bench, suspect)
    params = {key: _fill(value, names) for key, value in step.params.items()}
    name = str(params.pop("component", suspect))
    bound = PlanStep(
        action=spec.id,
        component=name,
        params=params,
        risk=spec.risk,
        preview=Preview(summary=spec.id),
        undoable=isinstance(spec.action, Undoable),
    )
    if name not in bench.service.components:
        return replace(bound, preview=Preview(summary=spec.id, blocked=f"there is no component `{name}`"))
    try:
        preview = await spec.action.preview(bench.context(bound, plan))
    except Exception as error:  # a boundary: a preview that fails blocks its plan, nothing else
        preview = Preview(summary=spec.id, blocked=f"`{spec.id}` could not look ahead: {type(error).__name__}: {error}")
    return replace(bound, preview=preview)


def _fill(value: Json, names: Mapping[str, Json]) -> Json:
    match value:
        case str():
            if value.startswith("{") and value.endswith("}") and value[1:-1] in names:
                return names[value[1:-1]]
            for name, text in names.items():
                value = value.replace(f"{{{name}}}", str(text))
            return value
        case list():
            return [_fill(each, names) for each in value]
        case dict():
            return {key: _fill(each, names) for key, each in value.items()}
    return value


def is_ours_to_restart(component: Component) -> bool:
    """Whether Paramedic or a declared owner starts it."""
    return component.owner is not None or (component.process is not None and component.process.is_managed)
