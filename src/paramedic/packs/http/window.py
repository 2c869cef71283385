"""The last minute of answers, from which the share of errors and the latency are judged."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

WINDOW_S = 60.0
ENOUGH = 20
"""So many answers describe the last minute well."""
FEWEST = 10
"""With fewer nothing is said about a share."""
MANY = 100
"""So many make the 99th percentile more than the slowest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request and how it ended."""

    at: float
    """On the monotonic clock."""
    failure: str | None
    """What went wrong, such as ``500 Internal Server Error``; ``None`` when nothing did."""
    latency_ms: float | None


@dataclass(slots=True)
class Sample:
    """Requests in the order in which they were sent."""

    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=1000))

    def __len__(self) -> int:
        return len(self.seen)

    def forget_before(self, moment: float) -> None:
        """Drop what is too old, or was answered by an earlier process."""
        while self.seen and self.seen[0].at < moment:
            self.seen.popleft()

    def replace(self, by: Iterable[Seen]) -> None:
        """What was before is over; only this counts from now on."""
        self.seen = deque(by, maxlen=self.seen.maxlen)

    @property
    def failures(self) -> int:
        return sum(each.failure is not None for each in self.seen)

    @property
    def error_percent(self) -> float:
        return 100 * self.failures / len(self.seen) if self.seen else 0.0

    @property
    def failures_by_kind(self) -> str:
        """Such as ``6 x 500 Internal Server Error, 1 x no answer``."""
        kinds = Counter(each.failure for each in self.seen if each.failure is not None)
        return ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(5))

    def percentile_ms(self, percent: int) -> float | None:
        """A percentile of the latencies; ``None`` of too few of them, or of none."""
        latencies = sorted(each.latency_ms for each in self.seen if each.latency_ms is not None)
        if len(latencies) < (MANY if percent > 95 else FEWEST):
            return None
        return latencies[-(-len(latencies) * percent // 100) - 1]
