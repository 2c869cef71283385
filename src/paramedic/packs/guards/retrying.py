"""Kept calls that wait although what they need is there again."""

from collections.abc import Sequence

from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, age_s, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, ActionFailed, Context, DidIt, Outcome, Preview, Risk, Status, action

PENDING_S = 60.0
_POLL_S = 0.2


def overdue(queues: Sequence[Guard], context: Context) -> list[Guard]:
    """Queues of which a call has waited too long, while the breaker before them lets calls through."""
    limit_s = context.threshold("pending_s", PENDING_S)
    return [each for each in queues if waits(each) and age_s(each.shows.get("waiting_since"), context) >= limit_s]


def waits(queue: Guard) -> int:
    """How many calls wait for a time that was set, not for a breaker."""
    return 0 if queue.shows.get("breaker_state") == "open" else int(queue.shows["waiting"])


@action("tasks.retry", risk=Risk.REVERSIBLE)
class Retry:
    """Make every kept call now, where the checks of what it needs pass, and wait until none waits any more.

    Each call has the same id in every run, and one that was acknowledged is never made again.
    """

    async def preview(self, context: ActContext) -> Preview:
        found = await _waiting(context)
        count = sum(int(each.shows["waiting"]) for each in found)
        return Preview(summary=f"make {count} kept calls now", blocked=await _not_yet(context, found))

    async def apply(self, context: ActContext) -> Outcome:
        found = await _waiting(context)
        if reason := await _not_yet(context, found):
            raise ActionFailed(reason)
        count = sum(int(each.shows["waiting"]) for each in found)
        done_before = _total(found, "done")
        for each in found:
            await order(context, each, "retry")
            context.checkpoint("mid-act")
        left, now = await _drained(context, [each.name for each in found])
        if left:
            raise ActionFailed(f"{left} of {count} calls still wait: what they need took some of them only, or none")
        made = _total(now, "done") - done_before
        return Outcome(summary=f"{count} kept calls were made", output={"waited": count, "made": made})

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _waiting(context) else DidIt.YES  # what was made is never made again


async def _waiting(context: ActContext) -> list[Guard]:
    return [each for each in await seen(target_of(context), context, "tasks") if each.shows["waiting"]]


async def _drained(context: ActContext, names: Sequence[str]) -> tuple[int, list[Guard]]:
    """How many calls are left once nothing changes any more, or the time of the step ends."""
    deadline = context.clock.monotonic() + context.limit_s * 0.8
    while True:
        queues = [each for each in await seen(target_of(context), context, "tasks") if each.name in names]
        left = _total(queues, "waiting") + _total(queues, "running")
        if not left or context.clock.monotonic() >= deadline:
            return left, queues
        await context.clock.sleep(_POLL_S)


def _total(queues: Sequence[Guard], state: str) -> int:
    return sum(int(each.shows[state]) for each in queues)


async def _not_yet(context: ActContext, queues: Sequence[Guard]) -> str | None:
    """Why the calls must go on waiting: what they need does not work."""
    target = target_of(context)
    names = {name for each in queues if (name := _needed(each, target, context))} or set(context.component.depends_on)
    for name in sorted(names & context.service.components.keys()):
        for found in await context.look(name):
            if found.status not in (Status.OK, Status.INFO):
                return f"`{name}`, which the calls need, does not pass its checks: {found.observed}"
    return None


def _needed(queue: Guard, target: Guards, context: ActContext) -> str | None:
    breaker = queue.shows.get("breaker")
    if breaker is None:
        return None
    named = target.dependencies.get(breaker, breaker)
    return named if named in context.service.components else None
