"""What can be wrong with releases."""

from paramedic.sdk import Code, IssueType

LINK_BROKEN = Code(
    id="release.link-broken",
    type=IssueType.CONFIG,
    summary="the link to the current release is missing, or leads nowhere",
    depth=3,
)
UNFINISHED = Code(
    id="release.unfinished",
    type=IssueType.CONFIG,
    summary="the current release is empty, cannot be read, or lacks declared files",
    depth=3,
)
BAD = Code(
    id="release.bad",
    type=IssueType.OUTAGE,
    summary="what runs from the current release fails since it was switched to",
    depth=3,
)
