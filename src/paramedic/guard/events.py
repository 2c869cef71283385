"""What guards tell: a value per event, listeners that hear it, and the last ones for who comes later."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from paramedic.guard.demands import check_hearer

KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEvent:
    """One thing that happened to one guard."""

    guard: str
    """The kind of guard: ``breaker``, ``budget``, ``flags``, ``memory``, ``performance``, ``tasks``, ``metrics``."""
    name: str
    kind: str
    """What happened, such as ``opened``."""
    at: str
    """ISO 8601 UTC."""
    because: str = ""
    detail: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # plain JSON values


Listener = Callable[[GuardEvent], object]


class Listeners:
    """Those who hear events. A listener that raises is logged and harms nobody else."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Hear from now on; the returned function stops it."""
        check_hearer(listener, "a listener")
        self.all = (*self.all, listener)

        def remove() -> None:
            self.all = tuple(each for each in self.all if each is not listener)

        return remove

    def tell(self, event: GuardEvent) -> None:
        """Pass an event to all."""
        for listener in self.all:
            try:
                listener(event)
            except Exception:  # boundary: a listener is foreign code
                import logging

                logging.getLogger("paramedic.guard").exception("a listener failed on `%s`", event.kind)


EVERYBODY = Listeners()
"""Those who hear every guard of this process."""

RECENT: deque[GuardEvent] = deque(maxlen=KEPT)
"""The last events of this process, for the report that is read from outside."""


def listen(listener: Listener) -> Callable[[], None]:
    """Hear the events of every guard in this process; the returned function stops it.

    Refused calls are told to the breaker's own listeners alone: there may be thousands a second.
    """
    return EVERYBODY.add(listener)


def announce(event: GuardEvent, own: Listeners | None = None) -> None:
    """Keep an event and pass it to the guard's own listeners and to those of the process."""
    RECENT.append(event)
    if own is not None:
        own.tell(event)
    EVERYBODY.tell(event)
