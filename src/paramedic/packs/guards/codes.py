"""What can be wrong with the guards of a service, or what they can tell of it."""

from paramedic.sdk import Code, Ending, IssueType

STUCK_OPEN = Code(
    id="breaker.stuck-open",
    type=IssueType.OUTAGE,
    summary="a breaker refuses calls long after it should have tried again",
    depth=2,
)
FLAPPING = Code(
    id="breaker.flapping",
    type=IssueType.PERFORMANCE,
    summary="a breaker opens again and again for troubles that pass by themselves",
    ending=Ending.ADVISE,
    depth=1,
)
TRIPWIRE_STUCK = Code(
    id="budget.tripwire-stuck",
    type=IssueType.BUDGET,
    summary="the downgrade to the baseline is active although use is within budget",
    depth=1,
)
STATE_CORRUPT = Code(
    id="budget.state-corrupt", type=IssueType.BUDGET, summary="the state file of a budget holds no state", depth=3
)
RUNAWAY = Code(
    id="budget.runaway",
    type=IssueType.BUDGET,
    summary="a caller spends its budget in a loop and does not stop",
    depth=2,
)
ENERGY = Code(
    id="budget.energy", type=IssueType.BUDGET, summary="requests use more energy than their budget, again and again"
)
FLAGS_INVALID = Code(
    id="flags.invalid", type=IssueType.CONFIG, summary="the file of feature flags says what cannot be", depth=3
)
EXHAUSTED = Code(
    id="tasks.exhausted", type=IssueType.CONNECTIVITY, summary="kept calls failed in every retry and were given up"
)
PENDING = Code(
    id="tasks.pending",
    type=IssueType.CONNECTIVITY,
    summary="kept calls wait although what they need is there again",
)
CARDINALITY = Code(
    id="metrics.cardinality", type=IssueType.RESOURCE, summary="a metric's label takes far too many values", depth=1
)
