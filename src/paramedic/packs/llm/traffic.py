"""Whether the service itself gets answers from the model, as its circuit breaker counts them."""

from paramedic.guard.outside import processes
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context
from paramedic.sdk.blocking import in_thread


async def answered(server: Llm, context: Context) -> int | None:
    """How many answers the service got from the model since the last look; ``None`` where nobody counts."""
    if server.breaker is None:
        return None
    counts = await in_thread(_successes, server)
    before = context.memory.get("traffic")
    context.memory["traffic"] = counts
    if not isinstance(before, dict):
        return 0
    # a breaker counts anew when it changes its state, so that less than before says nothing
    return sum(max(0, count - int(before.get(who, count))) for who, count in counts.items())


def _successes(server: Llm) -> dict[tuple[int, str], int]:
    return {
        (each.pid, str(guard.get("state"))): int(guard.get("success_count", 0))
        for each in processes(server.guards, tidy=False)
        for guard in each.guards
        if guard.get("kind") == "breaker" and guard.get("name") == server.breaker
    }
