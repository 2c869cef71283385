"""Names of what is wrong with a unit."""

from paramedic.sdk import Code, IssueType

EXITED = Code(id="container.exited", type=IssueType.OUTAGE, summary="the unit does not run, says its owner", depth=1)
MISSING = Code(
    id="container.missing",
    type=IssueType.CONFIG,
    summary="its owner knows no unit of that name",
    depth=2,
)
CRASH_LOOP = Code(
    id="container.crash-loop",
    type=IssueType.OUTAGE,
    summary="the unit ends again and again, however often its owner brings it back",
    depth=2,
)
UNHEALTHY = Code(
    id="container.unhealthy",
    type=IssueType.OUTAGE,
    summary="the unit runs, and its owner's own probe of it fails",
)
OOM_KILLED = Code(
    id="container.oom-killed",
    type=IssueType.RESOURCE,
    summary="the unit was killed because it needed more memory than its owner grants it",
    depth=2,
)
IMAGE_MISSING = Code(
    id="container.image-missing",
    type=IssueType.CONFIG,
    summary="the image that the unit is made from cannot be had",
    depth=3,
)
