"""How bad one look was, how bad the whole is, and how urgent an incident is."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class Status(StrEnum):
    """The verdict of one check. ``UNKNOWN`` means it could not look and is never shown as healthy."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Precedence when several verdicts hold: critical, unknown, warning, info, ok."""
        return _RANK[self]

    @property
    def is_failing(self) -> bool:
        """Whether something is wrong with the patient (an unknown is our failure, not the patient's)."""
        return self in (Status.WARNING, Status.CRITICAL)


_RANK = {Status.OK: 0, Status.INFO: 1, Status.WARNING: 2, Status.UNKNOWN: 3, Status.CRITICAL: 4}


class Overall(StrEnum):
    """The state of a whole service."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """The Nagios plugin convention: 0 healthy, 1 warning, 2 critical, 3 unknown."""
        return {Overall.HEALTHY: 0, Overall.DEGRADED: 1, Overall.CRITICAL: 2, Overall.UNKNOWN: 3}[self]


def worst(statuses: Iterable[Status]) -> Status:
    """The verdict that takes precedence; no verdict at all is ``UNKNOWN``, because nobody looked."""
    return max(statuses, key=lambda status: status.rank, default=Status.UNKNOWN)


def overall(statuses: Iterable[Status]) -> Overall:
    """The state of the whole for the verdicts of its parts."""
    return {
        Status.OK: Overall.HEALTHY,
        Status.INFO: Overall.HEALTHY,
        Status.WARNING: Overall.DEGRADED,
        Status.CRITICAL: Overall.CRITICAL,
        Status.UNKNOWN: Overall.UNKNOWN,
    }[worst(statuses)]


class Severity(StrEnum):
    """How urgent an incident is, P0 first."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept ``P0``, ``SEV1`` or ``critical`` and their kind, in any case.

        Raises:
            ValueError: the text names no severity.
        """
        wanted = text.strip().lower()
        for index, member in enumerate(cls):
            if wanted in (member.value.lower(), f"sev{index + 1}", _SEVERITY_WORDS[index]):
                return member
        raise ValueError(f"`{text}` is no severity; use P0 to P3, SEV1 to SEV4, or {', '.join(_SEVERITY_WORDS)}")


_SEVERITY_WORDS = ("critical", "high", "medium", "low")
