"""Leave a server alone for as long as it asks."""

from paramedic.packs.http.codes import RATE_LIMITED
from paramedic.sdk import ActContext, ActionFailed, DidIt, Outcome, Preview, Risk, action

_TRIES = 3
_SPARE_S = 1.0
"""Before the end of a step, so that it ends by itself."""


@action("wait.retry-after", risk=Risk.SAFE, tries=_TRIES)
class WaitRetryAfter:
    """Wait until the server may be asked again: as long as it said, 60 s where it did not."""

    async def preview(self, context: ActContext) -> Preview:
        return Preview(summary=f"leave `{context.component.name}` alone for as long as it asked")

    async def apply(self, context: ActContext) -> Outcome:
        left_s = await _left_s(context)
        context.checkpoint("mid-act")
        once_s = max(0.0, context.limit_s - _SPARE_S)
        if left_s > once_s * _TRIES:
            raise ActionFailed(f"it asks to be left alone for {left_s:.0f} s, longer than a recovery may take")
        await context.clock.sleep(min(left_s, once_s))
        if left_s > once_s:
            raise ActionFailed(f"another {left_s - once_s:.0f} s are left of the time that it asked for")
        return Outcome(summary=f"left alone for {left_s:.0f} s, as it asked", output={"waited_s": left_s})

    async def reconcile(self, context: ActContext) -> DidIt:
        del context  # to wait once more is what it asks for
        return DidIt.NO


async def _left_s(context: ActContext) -> float:
    """How long still; a look asks nobody before that time."""
    found = await context.look(context.component.name)
    waits = [each.measures.get("retry_after_s", 0.0) for each in found if each.code == RATE_LIMITED.id]
    return max(waits, default=0.0)
