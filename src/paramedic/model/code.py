"""Names of troubles. A code is never renamed and never reused."""

from dataclasses import dataclass
from enum import StrEnum


class IssueType(StrEnum):
    """The branches of the classification tree."""

    OUTAGE = "outage"
    PERFORMANCE = "performance"
    CONNECTIVITY = "connectivity"
    DATABASE = "database"
    AI = "ai"
    AUTH = "auth"
    CONFIG = "config"
    RESOURCE = "resource"
    QUALITY = "quality"
    BUDGET = "budget"
    SECURITY = "security"
    UNKNOWN = "unknown"


class Ending(StrEnum):
    """What happens to a trouble for which no playbook applies."""

    ESCALATE = "escalate"
    """A person is called at once; nothing is touched."""
    ADVISE = "advise"
    """The finding and its remedy are told; nothing is planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One kind of trouble, declared once beside the check that finds it."""

    id: str
    """Dotted: what, then which trouble, such as ``postgres.auth-failed``."""
    type: IssueType
    summary: str
    """One line for listings."""
    ending: Ending = Ending.ESCALATE
    instant: bool = False
    """Certain at first sight, so that it is acted upon without a second look."""
    is_damage: bool = False
    """Data that nothing else holds are damaged: as urgent as can be, and told at once, even while it is healed."""
    depth: int = 0
    """How near to a cause this trouble is by nature when several hold on one component.
    0 a symptom (refused, timed out), 1 the part itself (process exited), 2 a reason for it (port taken,
    crash loop), 3 a root (a broken file, a full disk)."""
