"""What a call speaks to when it ends: the closed period that it began in, the trial that it is, or that around it."""

from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from paramedic.guard.errors import CircuitOpen
from paramedic.guard.window import Window

if TYPE_CHECKING:
    from paramedic.guard.circuit import Circuit


class ClosedPeriod:
    """The calls of one stretch of being closed."""

    __slots__ = ("_circuit", "streak", "succeeded", "successes", "tally", "waiting")

    def __init__(self, circuit: "Circuit", window: Window) -> None:
        self._circuit = circuit
        self.waiting: deque[float] = deque()
        self.succeeded = self.waiting.append
        self.tally = window.tally()
        self.streak = 0
        self.successes = 0

    def count(self) -> None:
        """Count the fast successes that wait."""
        self._circuit.settle(self)

    def failed(self, error: BaseException, started: float) -> None:
        """A call of this period raised."""
        self._circuit.note_failure(self, error, started)

    def abandoned(self) -> None:
        """A call of this period says nothing."""

    def was_slow(self, now: float) -> None:
        """A call of this period took too long and succeeded."""
        self._circuit.note_slow(self, now)


class Trial:
    """One call that is let through while half open. It holds its permit until it ends, whatever happens meanwhile."""

    __slots__ = ("_circuit", "around", "permit", "round", "waiting")

    around: "tuple[Trial, ...] | None"
    """The trials that its context was in before, if it is one of them now."""
    permit: str | None
    """The permit of the shared store, where there is one."""

    def __init__(self, circuit: "Circuit", round_: object) -> None:
        self._circuit = circuit
        self.round = round_
        self.around = None
        self.permit = None
        self.waiting = ()

    def count(self) -> None:
        """Nothing waits."""

    def succeeded(self, now: float) -> None:
        """The trial answered in time."""
        self._circuit.end_trial(self, good=True, because="", now=now)

    def abandoned(self) -> None:
        """The trial says nothing: it only gives its permit back."""
        self._circuit.end_trial(self, good=None, because="", now=self._circuit.clock.monotonic())

    def was_slow(self, now: float) -> None:
        """An answer that comes too late is no recovery."""
        self._circuit.end_trial(self, good=False, because="a trial call was slow", now=now)

    def failed(self, error: BaseException, started: float) -> None:
        """The trial raised; an error that is no failure, such as a cancellation, only gives the permit back.

        Nor is it one that the breaker itself refused a call inside: that says nothing about the dependency.
        """
        del started
        is_own = isinstance(error, CircuitOpen) and error.name == self._circuit.name
        bad = not is_own and self._circuit.settings.is_failure(error)
        because = f"a trial call failed with {type(error).__name__}"
        self._circuit.end_trial(self, good=False if bad else None, because=because, now=self._circuit.clock.monotonic())


class Inside:
    """A call inside a trial of the same breaker: it runs under the trial's permit, and the trial speaks for it."""

    __slots__ = ()
    waiting = ()

    def count(self) -> None:
        """Nothing waits."""

    def succeeded(self, now: float) -> None:
        """The trial will say so."""

    def abandoned(self) -> None:
        """The trial goes on."""

    def was_slow(self, now: float) -> None:
        """The trial will be slow, too."""

    def failed(self, error: BaseException, started: float) -> None:
        """The trial will fail with it, unless it makes good."""


Period = ClosedPeriod | Trial | Inside
INSIDE = Inside()
TRIALS: ContextVar[tuple[Trial, ...]] = ContextVar("paramedic_guard_trials", default=())
"""The trials that the current context is in by decorator or `call`, outermost first."""

ENTERED: ContextVar[tuple["Circuit", Period, float, Any] | None] = ContextVar("paramedic_guard_entered", default=None)
"""The breakers that the current context has entered by ``with``, innermost first, each linking to the one before."""


def around() -> Iterator[Period]:
    """What the current context is in the middle of."""
    yield from TRIALS.get()
    entered = ENTERED.get()
    while entered is not None:
        yield entered[1]
        entered = entered[3]
