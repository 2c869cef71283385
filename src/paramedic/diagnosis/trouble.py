"""One failing check, as diagnosis sees it."""

from dataclasses import dataclass

from paramedic.model.code import IssueType
from paramedic.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What fails, where, how badly, and how near to a cause that is."""

    component: str
    check: str
    code: str
    type: IssueType
    status: Status
    depth: int
    """How near to a cause this code is by nature (see ``Code.depth``)."""
    onset_s: float
    """When it began, on the monotonic clock."""
    is_guess: bool = False
    """No check says so: the component looks well, and was changed before others began to fail."""
