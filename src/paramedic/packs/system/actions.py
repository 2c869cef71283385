"""The steps of a full recovery that no other pack has. None of them changes anything but states that are damaged."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.packs.guards.target import Guards
from paramedic.sdk import (
    ActContext,
    ActionFailed,
    DidIt,
    Finding,
    IssueType,
    Json,
    Outcome,
    Preview,
    Risk,
    Status,
    action,
    load_packs,
)
from paramedic.sdk.blocking import in_thread

_LARGEST_BYTES = 64 << 20
"""Of a larger file there should be backups; a copy made in a hurry would only take time and room."""
_SETTLES_S = 15.0
"""How long parts may take to notice that what they need is back."""
_POLL_S = 0.5
_NOT_WELL = (Status.CRITICAL, Status.UNKNOWN)
_CLEARING = ("budget.repair-state", "budget.reset-tripwire")


class _Harmless:
    """What can be done again, and leaves nothing to take back."""

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        del context, output
        return "nothing to take back"


@action("system.backup-state", risk=Risk.SAFE)
class BackupState(_Harmless):
    """Copy every file that components keep their state and settings in, before anything is done about them."""

    async def preview(self, context: ActContext) -> Preview:
        found = await in_thread(_state_files, context)
        return Preview(summary=f"copy {len(found)} files with state and settings")

    async def apply(self, context: ActContext) -> Outcome:
        copied, left = await in_thread(_copy, context)
        context.checkpoint("mid-act")
        told = f"; too large, left to their backups: {', '.join(left)}" if left else ""
        names: list[Json] = [*copied]
        return Outcome(summary=f"copied {len(copied)} files{told}", output={"copies": names})


@action("system.validate-configuration", risk=Risk.SAFE)
class ValidateConfiguration(_Harmless):
    """Look at every configuration file and at the flags; what is invalid is listed, and healed by its own playbook."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=f"validate {', '.join(_configured(context)) or 'nothing: no configuration is declared'}")

    async def apply(self, context: ActContext) -> Outcome:
        names = _configured(context)
        found = [each for name in names for each in await context.look(name)]
        context.checkpoint("mid-act")
        about = {each.id for each in load_packs().checks if any(code.type is IssueType.CONFIG for code in each.codes)}
        wrong = [
            each
            for each in found
            if (each.status.is_failing and each.type is IssueType.CONFIG)
            or (each.status is Status.UNKNOWN and each.check in about)
        ]
        if wrong:
            raise ActionFailed(_listed(wrong))
        return Outcome(summary=f"valid: {', '.join(names)}" if names else "no configuration is declared")


@action("system.clear-tripwire", risk=Risk.REVERSIBLE)
class ClearTripwire:
    """Put whole states in place of damaged ones, and lift the downgrades of budgets that should have ended."""

    async def preview(self, context: ActContext) -> Preview:
        actions = load_packs().actions
        previews = [await actions[each].action.preview(context) for each in _CLEARING]
        return Preview(
            summary="; ".join(each.summary for each in previews),
            loss=tuple(loss for each in previews for loss in each.loss),
            blocked="; ".join(each.blocked for each in previews if each.blocked) or None,
        )

    async def apply(self, context: ActContext) -> Outcome:
        actions = load_packs().actions
        done = [await actions[each].action.apply(context) for each in _CLEARING]
        context.checkpoint("mid-act")
        output = {key: value for each in done for key, value in each.output.items()}
        return Outcome(summary="; ".join(each.summary for each in done), output=output)

    async def reconcile(self, context: ActContext) -> DidIt:
        answers = {await load_packs().actions[each].action.reconcile(context) for each in _CLEARING}
        return DidIt.YES if answers == {DidIt.YES} else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        lifted = load_packs().actions[_CLEARING[-1]].action
        return str(await lifted.undo(context, output))  # type: ignore[attr-defined]  # it is one that can be undone


@action("system.rebuild-overlays", risk=Risk.SAFE)
class RebuildOverlays(_Harmless):
    """Rebuild what is made from overlays. No kind of component declares any such thing yet, and the step says so."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=_nothing_to_rebuild(context))

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        return Outcome(summary=_nothing_to_rebuild(context))


@action("system.health-check", risk=Risk.SAFE)
class HealthCheck(_Harmless):
    """Look at every component until all are well, for a while; what still fails is listed."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=f"look at all {len(context.service.components)} components")

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        deadline = context.clock.monotonic() + min(_SETTLES_S, context.limit_s / 2)
        while failing := await _failing(context):
            if context.clock.monotonic() >= deadline:
                raise ActionFailed(_listed(failing))
            await context.clock.sleep(_POLL_S)
        return Outcome(summary=f"all {len(context.service.components)} components are well")


@action("system.verify-operations", risk=Risk.SAFE)
class VerifyOperations(_Harmless):
    """Go the way of a user wherever a component declares one; what does not come to its end is listed."""

    async def preview(self, context: ActContext) -> Preview:
        names = [name for name, _ in _ways(context)]
        return Preview(summary=f"go the way of a user: {', '.join(names)}" if names else _no_way())

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        ways = _ways(context)
        found = [each for name, check in ways for each in await context.look(name, (check,))]
        if wrong := [each for each in found if each.status not in (Status.OK, Status.INFO)]:
            raise ActionFailed(_listed(wrong))
        return Outcome(summary=f"{', '.join(name for name, _ in ways)}: done" if ways else _no_way())


def _state_files(context: ActContext) -> list[Path]:
    kinds, found = load_packs().kinds, []
    for each in context.service.components.values():
        kind = kinds.get(each.kind)
        found += [*kind.keeps(each.target), *kind.files(each.target)] if kind else []
        if isinstance(each.target, Guards):
            found += [path for path in (each.target.tripwire, each.target.energy, each.target.queue) if path]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _copy(context: ActContext) -> tuple[list[str], list[str]]:
    copied, left = [], []
    for path in _state_files(context):
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                left.append(f"`{path.name}`")
            elif aside := context.last_good.set_aside(path, "before a full recovery"):
                copied.append(str(aside))
        except OSError as error:
            raise ActionFailed(f"`{path}` cannot be copied: {error.strerror or error}") from None
    return copied, left


def _configured(context: ActContext) -> list[str]:
    return [each.name for each in context.service.components.values() if each.kind in ("config", "guards")]


async def _failing(context: ActContext) -> list[Finding]:
    """What is broken or cannot be seen now. What warns still serves; the check of the whole is for the end."""
    found = [each for name in context.service.components for each in await context.look(name)]
    return [each for each in found if each.status in _NOT_WELL and each.check != "system.critical"]


def _ways(context: ActContext) -> list[tuple[str, str]]:
    probes = [spec for spec in load_packs().checks if spec.probes]
    return [
        (each.name, spec.id)
        for each in context.service.components.values()
        for spec in probes
        if spec.target(each) is not None
    ]


def _no_way() -> str:
    return "no component declares the way of a user, so nothing more than its checks was tried"


def _nothing_to_rebuild(context: ActContext) -> str:
    del context
    return "nothing: no component declares anything that is built from overlays"


def _listed(findings: Sequence[Finding]) -> str:
    return "; ".join(f"`{each.component}`: {each.code or each.status}: {each.observed}" for each in findings)
