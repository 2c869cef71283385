"""Keeps a metric's label from taking thousands of values: what comes above the cap is counted as ``other``."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_name, is_whole
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.watcher import WATCHER

OTHER = "other"
CAP = 100


class LabelCap:
    """Folds the values of labels. The first values of a label keep their names; the fold is told once per label.

    >>> cap = LabelCap(limit=2)
    >>> [cap.fold("tenant", each) for each in ("a", "b", "c", "a")]
    ['a', 'b', 'other', 'a']
    """

    kind = "metrics"

    def __init__(
        self, limit: int = CAP, *, name: str = "labels", listener: Listener | None = None, clock: Clock = SYSTEM
    ) -> None:
        if not is_whole(limit):
            raise ValueError(f"`limit` is at least 1, a whole number, not `{limit}`")
        self.name = check_name(name)
        self.limit = limit
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._clock = clock
        self._lock = Lock()
        self._limits: dict[str, int] = {}
        self._values: dict[str, set[str]] = {}
        self.folded: dict[str, int] = {}
        """Per label how often a value was folded."""
        self._watched = False

    def fold(self, label: str, value: str) -> str:
        """The value, or ``other`` where the label has its cap of others already."""
        if not self._watched:
            self._watched = True
            WATCHER.watch(self)
        with self._lock:
            values = self._values.setdefault(label, set())
            if value in values:
                return value
            if len(values) < self._limits.get(label, self.limit):
                values.add(value)
                return value
            first = label not in self.folded
            self.folded[label] = self.folded.get(label, 0) + 1
        if first:
            most = self._limits.get(label, self.limit)
            because = f"the label `{label}` has more than {most} values; further ones count as `{OTHER}`"
            announce(
                GuardEvent(
                    guard="metrics", name=self.name, kind="folded", at=iso(self._clock.wall()) or "", because=because
                ),
                self.listeners,
            )
        return OTHER

    def labels(self, **labels: str) -> dict[str, str]:
        """Fold several at once."""
        return {label: self.fold(label, value) for label, value in labels.items()}

    def cap(self, label: str, limit: int) -> None:
        """Change the cap of one label. A lower one forgets which values had names: the next ones get them."""
        if not is_whole(limit):
            raise ValueError(f"`limit` is at least 1, a whole number, not `{limit}`")
        with self._lock:
            self._limits[label] = limit
            if len(self._values.get(label, ())) > limit:
                self._values[label] = set()

    def tick(self) -> None:
        """Nothing to look at."""

    def report(self) -> dict[str, Any]:  # Any: plain JSON values
        """What is shown outside the process."""
        with self._lock:
            return {
                "limit": self.limit,
                "limits": dict(self._limits),
                "values": {label: len(values) for label, values in self._values.items()},
                "folded": dict(self.folded),
            }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``cap`` with ``label`` and ``limit``."""
        if verb != "cap":
            return f"refused: metrics know no `{verb}`"
        self.cap(str(settings["label"]), int(settings["limit"]))
        return "done"

    def forked(self) -> None:
        """In the child of a fork."""
        self._lock = Lock()
        self._watched = False


LABELS = LabelCap(name="guard")
"""The cap of the labels that guards themselves write."""
