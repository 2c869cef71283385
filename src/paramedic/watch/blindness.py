"""Whether we see at all: when most checks cannot look, that is the first thing to say."""

from collections.abc import Collection, Mapping
from datetime import datetime

from paramedic.model.code import IssueType
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.watch.seeing import Key, Seen

BLIND = "paramedic.blind"
OURSELVES = "paramedic"
"""The component of troubles of our own."""
_CHECK = "paramedic.sight"
_BLIND_CHECKS = 3
"""Fewer may be blind for reasons of their own."""


def blindness(verdicts: Mapping[Key, Seen], blind: Collection[Key], at: datetime) -> Finding | None:
    """What is to be said of our own sight: that most checks cannot look, or that they can again."""
    mine = verdicts.get((OURSELVES, _CHECK))
    known = len(verdicts) - (mine is not None)
    is_blind = len(blind) >= _BLIND_CHECKS and 2 * len(blind) > known
    if is_blind == (mine is not None and mine.finding.status.is_failing):
        return None
    first = verdicts[next(iter(blind))].finding if is_blind else None
    return Finding(
        component=OURSELVES,
        kind=OURSELVES,
        check=_CHECK,
        status=Status.CRITICAL if first else Status.OK,
        code=BLIND if first else None,
        type=IssueType.UNKNOWN if first else None,
        observed=f"{len(blind)} of {known} checks cannot look",
        because=f"`{first.component}`: {first.observed}" if first else "",
        hint="see whether paramedic may still read files and open connections" if first else None,
        at=at,
    )
