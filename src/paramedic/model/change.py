"""What somebody changed about the service: the first thing to ask about when something fails."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OURSELVES = "paramedic"
"""Whose change it is, where a recovery made it."""


class ChangeKind(StrEnum):
    """What was changed."""

    DEPLOYMENT = "deployment"
    CONFIG = "config"
    PACKAGE = "package"
    FLAG = "flag"
    """A feature flag, a breaker or a budget of a running process."""
    RESTART = "restart"
    SERVICE_FILE = "service-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, as far as anybody said so or a file tells."""

    at: datetime
    kind: ChangeKind
    component: str | None
    """``None``: of the service as a whole."""
    what: str
    """Such as ``config/shop.yaml was written``."""
    by: str = ""
    """Who did it, or where that was read; empty where nobody knows."""

    @property
    def is_ours(self) -> bool:
        """Whether a recovery of Paramedic made it."""
        return self.by == OURSELVES


def deployment(component: str, at: datetime, what: str, by: str = "") -> Change:
    """A deployment of a component, for packs that notice one."""
    return Change(at=at, kind=ChangeKind.DEPLOYMENT, component=component, what=what, by=by)
