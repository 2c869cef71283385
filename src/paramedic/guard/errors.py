"""What a guard refuses, and what its files can have against them.

GuardError
├── CircuitOpen          the breaker lets no call through now
├── BudgetExhausted      the next call would overspend
├── MissingExtra         a file or feature needs a package that is not installed
├── UnreadableDocument   a configuration file that cannot be parsed
└── InvalidSettings      a configuration that was parsed and makes no sense; carries every problem
"""

from dataclasses import dataclass


class GuardError(Exception):
    """Root of what guards raise."""


class CircuitOpen(GuardError):
    """The call was not made: ``args`` are the breaker's name, the seconds until it probes, and why it opened."""

    # The arguments stay a plain tuple: a refusal is made thousands of times a second.
    @property
    def name(self) -> str:
        """The breaker."""
        return str(self.args[0])

    @property
    def retry_in_s(self) -> float | None:
        """Seconds until a trial call may pass; ``None`` where only a person or a running trial decides."""
        seconds = float(self.args[1])
        return None if seconds == float("inf") else seconds

    @property
    def because(self) -> str:
        """Why it is open."""
        return str(self.args[2])

    def __str__(self) -> str:
        when = "" if self.retry_in_s is None else f", probes again in {self.retry_in_s:.1f} s"
        return f"breaker `{self.name}` lets no call through: {self.because}{when}"


class BudgetExhausted(GuardError):
    """The call was not made: ``args`` are the scope, what was asked for, what is left, and the limit."""

    @property
    def scope(self) -> str:
        """Whose budget."""
        return str(self.args[0])

    @property
    def asked(self) -> float:
        """What the call wanted to reserve."""
        return float(self.args[1])

    @property
    def left(self) -> float:
        """What could still be reserved."""
        return float(self.args[2])

    @property
    def limit(self) -> float:
        """The budget of the period."""
        return float(self.args[3])

    def __str__(self) -> str:
        return f"budget `{self.scope}` has {self.left:g} of {self.limit:g} left, the call asked for {self.asked:g}"


class MissingExtra(GuardError):
    """A package is not installed; the text names the extra that brings it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration."""

    line: int | None
    """Line in the file, counted from 1; ``None`` where there is no file."""
    where: str
    """The setting, such as ``overlays.rollback_first.enabled``."""
    observed: str
    expected: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}`{self.where}` {self.observed}, expected {self.expected}"


class UnreadableDocument(GuardError):
    """A file that cannot be parsed. Carries the one problem the parser could name."""

    def __init__(self, path: str, problem: Problem) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"`{self.path}`: {self.problem}"


class InvalidSettings(GuardError, ValueError):
    """Settings that make no sense; every problem, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))
