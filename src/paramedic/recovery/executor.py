"""Carries out one phase of a plan at a time. Receipts are the authority on what has happened.

The same phase may be asked for again after any crash: what a receipt proves is returned, what only has an
intent is reconciled, what has neither is done. An act that may or may not have happened is never repeated.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from paramedic.model.ids import PlanId
from paramedic.model.playbook import Plan, PlanState, PlanStep
from paramedic.model.receipt import Phase, Receipt
from paramedic.model.status import Status, worst
from paramedic.model.wire import Json, dump
from paramedic.recovery.failpoints import crash_here
from paramedic.recovery.planning import Bench
from paramedic.recovery.probing import probed
from paramedic.report.redaction import Redactor
from paramedic.sdk.action import ActionSpec, DidIt, Outcome, Undoable, Verifiable
from paramedic.sdk.context import ActContext
from paramedic.sdk.ports import ActionFailed
from paramedic.store import AlreadyRecorded, Store, Transaction, insist


class Result(StrEnum):
    """How a phase ended."""

    DONE = "done"
    FAILED = "failed"
    WENT_ON = "went on"
    """It failed, and its plan goes on all the same."""
    UNTOLD = "untold"
    """A crash left an act of which nobody can tell whether it happened."""
    EXPIRED = "came too late: its approval had ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a plan, as its phases left it."""

    plan: PlanId
    verified: bool
    undone: bool
    """Everything that was done was taken back (or nothing was done)."""
    untold: bool
    """Nobody can tell whether one of its acts happened: for people, never to be repeated."""
    why: str
    too_late: bool = False
    """Its approval had ended before its first step: nothing was begun."""


_OPEN = "a crash left it open whether this happened"
_BACKOFF_S = (1.0, 2.0, 4.0)
_PAUSE_S = 0.1


class Executor:
    """Does, verifies and undoes the steps of plans, leaving receipts."""

    def __init__(
        self,
        bench: Bench,
        store: Store,
        redactor: Redactor,
        *,
        on_step: Callable[[Receipt], None],
        on_end: Callable[[Ended], Awaitable[None]],
        quiet: MutableMapping[str, str],
    ) -> None:
        """``quiet``: components whose troubles are ordered, and by what; those that an act stops are put there."""
        self.bench = bench
        self._store = store
        self.redactor = redactor
        self._on_step = on_step
        self._on_end = on_end
        self._quiet = quiet

    async def do(self, plan_id: PlanId, index: int) -> Result:
        """Carry out one step, with the tries that its action and the plan allow."""
        plan, receipts = await self._load(plan_id)
        if plan.state.is_over:
            return Result.DONE if plan.state is PlanState.VERIFIED else Result.FAILED
        step = plan.steps[index]
        spec = self.bench.registry.actions.get(step.action)
        if spec is None:
            return Result.FAILED  # its pack was removed since
        tries = min(spec.tries, plan.step_tries)
        if self._is_too_late(plan, receipts):
            return Result.EXPIRED
        is_being_undone = _is_being_undone(receipts)
        for attempt in range(1, tries + 1):
            seen = {each.phase: each for each in receipts if each.step == index and each.attempt == attempt}
            if Phase.DONE in seen:
                return Result.DONE
            if (failed := seen.get(Phase.FAILED)) and failed.detail == _OPEN:
                return Result.UNTOLD
            if is_being_undone:
                continue
            if failed is None:
                result = await self._attempt(plan, index, attempt, spec, seen.get(Phase.INTENT))
                if result is not Result.FAILED:
                    return result
            if attempt < tries and not is_being_undone:
                await self.bench.clock.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1])
        return Result.WENT_ON if plan.goes_on and not is_being_undone else Result.FAILED

    async def verify(self, plan_id: PlanId) -> tuple[bool, str]:
        """Whether the checks that failed pass, ``verify_times`` running, and no dependant became worse."""
        plan, receipts = await self._load(plan_id)
        if plan.state.is_over:
            return plan.state is PlanState.VERIFIED, plan.why_ended
        if _is_being_undone(receipts):
            return False, "a crash interrupted its undoing, which goes on"
        deadline = self.bench.clock.monotonic() + plan.verify_within_s
        streak, pause, why = 0, 0.02, "nothing was looked at"
        while True:
            why = await self._why_not_well(plan)
            streak = streak + 1 if not why else 0
            if streak >= plan.verify_times:
                # an operator's stop is meant to break the way; what a recovery leaves broken must be told at once
                more = await probed(self.bench, plan) if plan.incident else ""
                return True, "; ".join(filter(None, (_proof(plan, streak), more, _failed_steps(receipts))))
            if self.bench.clock.monotonic() >= deadline:
                return False, why or f"passed only {streak} of {plan.verify_times} times running"
            await self.bench.clock.sleep(pause if why else min(_PAUSE_S, pause))
            pause = min(pause * 1.5, 1.0)

    async def undo(self, plan_id: PlanId, index: int) -> Result:
        """Take one step back, if any try of it may have changed something. What an operator ordered stays."""
        plan, receipts = await self._load(plan_id)
        if plan.incident is None or plan.state.is_over:
            return Result.DONE
        mine = [each for each in receipts if each.step == index]
        tried = [each for each in mine if each.phase is Phase.INTENT]
        if not tried:
            return Result.DONE
        last = tried[-1]
        ended = {each.phase for each in mine if each.attempt == last.attempt}
        if Phase.UNDONE in ended:
            return Result.DONE
        if Phase.UNDO_FAILED in ended:
            return Result.FAILED
        step = plan.steps[index]
        spec = self.bench.registry.actions.get(step.action)
        if spec is None:
            return Result.FAILED  # its pack was removed since
        action = spec.action
        if not isinstance(action, Undoable):
            return Result.FAILED
        output: Mapping[str, Json] = next((each.output for each in mine if each.phase is Phase.DONE), {})
        if Phase.UNDO_INTENT not in ended:
            await self._write(replace(last, phase=Phase.UNDO_INTENT, at=self.bench.clock.now(), detail="", output={}))
        try:
            context = self._context(plan, index, last.token)
            with self._hushed(plan, context):
                detail = await asyncio.wait_for(action.undo(context, output), plan.step_limit_s)
        except Exception as error:  # a boundary: whatever an action raises is its failure, and gets a receipt
            await self._write(self._ending(last, Phase.UNDO_FAILED, _say(error)))
            return Result.FAILED
        await self._write(self._ending(last, Phase.UNDONE, detail))
        return Result.DONE

    async def is_over(self, plan_id: PlanId) -> bool:
        """Whether the records say that the plan has ended."""
        plan, _ = await self._load(plan_id)
        return plan.state.is_over

    def now(self) -> datetime:
        """The time of the records."""
        return self.bench.clock.now()

    async def end(self, ended: Ended) -> None:
        """Tell whoever owns the plan. May be told twice after a crash."""
        if not ended.verified:
            plan, receipts = await self._load(ended.plan)
            why = ended.why + _reason(ended.why, receipts)
            ended = replace(ended, why=why, too_late=self._is_too_late(plan, receipts))
        await self._on_end(ended)

    def _is_too_late(self, plan: Plan, receipts: tuple[Receipt, ...]) -> bool:
        return not receipts and plan.approved_until is not None and self.bench.clock.now() > plan.approved_until

    async def _attempt(self, plan: Plan, index: int, attempt: int, spec: ActionSpec, intent: Receipt | None) -> Result:
        step = plan.steps[index]
        happened = False
        if intent is None:
            intent = self._intent(plan, index, attempt, step)
            await self._write(intent)
        else:
            answer = await self._reconcile(plan, index, spec, intent)
            if answer is DidIt.CANNOT_TELL:
                await self._write(self._ending(intent, Phase.FAILED, _OPEN))
                return Result.UNTOLD
            happened = answer is DidIt.YES
        crash_here("after-intent", plan.playbook, index)
        context: ActContext | None = None
        try:
            context = self._context(plan, index, intent.token)
            outcome = Outcome(summary="found done after a crash")
            if not happened:
                with self._hushed(plan, context):
                    outcome = await asyncio.wait_for(spec.action.apply(context), plan.step_limit_s)
            crash_here("after-act", plan.playbook, index)
            if isinstance(spec.action, Verifiable):
                await asyncio.wait_for(spec.action.verify(context, outcome.output), plan.step_limit_s)
        except Exception as error:  # a boundary: whatever an action raises is its failure, and gets a receipt
            await self._write(self._ending(intent, Phase.FAILED, _say(error) + _stopped(context)))
            return Result.FAILED
        summary = outcome.summary + _stopped(context)
        done = replace(self._ending(intent, Phase.DONE, summary), output=outcome.output, reconciled=happened)
        await self._write(done)
        crash_here("after-done", plan.playbook, index)
        return Result.DONE

    async def _reconcile(self, plan: Plan, index: int, spec: ActionSpec, intent: Receipt) -> DidIt:
        try:
            return await spec.action.reconcile(self._context(plan, index, intent.token))
        except Exception:  # a boundary: an action that cannot look cannot tell
            return DidIt.CANNOT_TELL

    async def _why_not_well(self, plan: Plan) -> str:
        """Empty when all is well."""
        by_component: dict[str, list[str]] = {}
        for failed in plan.verify:
            by_component.setdefault(failed.component, []).append(failed.check)
        for component, checks in by_component.items():
            for finding in await self.bench.look(component, checks):
                if finding.status not in (Status.OK, Status.INFO):
                    return f"`{component}`: {finding.code or finding.status}: {finding.observed}"
        for dependant, before in plan.baseline.items():
            now = worst(finding.status for finding in await self.bench.look(dependant))
            if now is Status.CRITICAL and Status(before).rank < now.rank:
                return f"`{dependant}` became worse: {before} -> {now}"
        return ""

    def _context(self, plan: Plan, index: int, token: str) -> ActContext:
        step = plan.steps[index]
        context = self.bench.context(step, plan.id, token=token, limit_s=plan.step_limit_s)
        context.checkpoint = lambda point: crash_here(point, plan.playbook, index)
        return context

    @contextmanager
    def _hushed(self, plan: Plan, context: ActContext) -> Iterator[None]:
        """What the act stops for a while is no fault meanwhile."""
        mine: list[str] = []

        def hush(name: str) -> None:
            if name not in self._quiet:
                mine.append(name)
                self._quiet[name] = f"stopped for {plan.playbook} ({plan.id})"

        context.on_stop = hush
        try:
            yield
        finally:
            for name in mine:
                self._quiet.pop(name, None)

    def _intent(self, plan: Plan, index: int, attempt: int, step: PlanStep) -> Receipt:
        return Receipt(
            plan=plan.id,
            step=index,
            attempt=attempt,
            phase=Phase.INTENT,
            action=step.action,
            component=step.component,
            token=secrets.token_hex(8),
            at=self.bench.clock.now(),
            node=self.bench.service.settings.node,
            detail=step.preview.summary,
        )

    def _ending(self, begun: Receipt, phase: Phase, detail: str) -> Receipt:
        return replace(begun, phase=phase, at=self.bench.clock.now(), detail=self.redactor.text(detail))

    async def _load(self, plan_id: PlanId) -> tuple[Plan, tuple[Receipt, ...]]:
        def read(tx: Transaction) -> tuple[Plan, tuple[Receipt, ...]]:
            plan = tx.plans.get(plan_id)
            if plan is None:
                raise LookupError(f"no plan `{plan_id}`")
            return plan, tx.receipts.of(plan_id)

        return await insist(self._store, read, self.bench.clock.sleep)

    async def _write(self, receipt: Receipt) -> None:
        output: dict[str, Json] = {key: self.redactor.data(value) for key, value in dump(receipt.output).items()}
        safe = replace(receipt, output=output)
        try:
            await insist(self._store, lambda tx: tx.receipts.append(safe), self.bench.clock.sleep)
        except AlreadyRecorded:
            # Ours, when the store went away before it could confirm; somebody else's act must not be done twice.
            if safe not in await insist(self._store, lambda tx: tx.receipts.of(safe.plan), self.bench.clock.sleep):
                raise
        self._on_step(safe)


def _proof(plan: Plan, streak: int) -> str:
    """What a good verification has shown."""
    times = "" if streak == 1 else f" {streak} times running"
    match len(plan.verify):
        case 0:
            no_check = "each step vouches for itself, and no check was asked"  # as when something is to be stopped
            return "nothing that needs it became worse" if plan.baseline else no_check
        case 1:
            return f"the check that failed passed{times}"
        case count:
            return f"the {count} checks that failed passed{times}"


def _failed_steps(receipts: tuple[Receipt, ...]) -> str:
    """The steps after whose failure a plan went on."""
    done = {each.step for each in receipts if each.phase is Phase.DONE}
    failed = {each.step: each for each in receipts if each.phase is Phase.FAILED and each.step not in done}
    return "; ".join(f"step {step + 1} failed: {each.action}: {each.detail}" for step, each in sorted(failed.items()))


def _reason(why: str, receipts: tuple[Receipt, ...]) -> str:
    """What the last try of the step said for whose failure a plan has ended, as its receipt has it."""
    tries = [each for each in receipts if each.phase is Phase.FAILED and why == f"step {each.step + 1} {Result.FAILED}"]
    return f": {tries[-1].detail}" if tries else ""


def _is_being_undone(receipts: tuple[Receipt, ...]) -> bool:
    return any(each.phase in (Phase.UNDO_INTENT, Phase.UNDONE, Phase.UNDO_FAILED) for each in receipts)


def _stopped(context: ActContext | None) -> str:
    names = ", ".join(f"`{each}`" for each in dict.fromkeys(context.stopped if context else ()))
    return f"; stopped for it: {names}" if names else ""


def _say(error: Exception) -> str:
    if isinstance(error, ActionFailed):
        return str(error)
    if isinstance(error, TimeoutError):
        return "did not end within its time"
    return f"{type(error).__name__}: {error}"
