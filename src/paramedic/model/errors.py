"""The errors of Paramedic itself. A sick patient is never an exception; it is a finding.

ParamedicError
├── UsageError            the command line makes no sense                exit 64
├── ConfigurationError    the service file or a playbook is wrong        exit 78; carries every problem
├── Unusable              a file that Paramedic needs is no good         exit 74
│   └── StoreError        the store cannot be used
│       └── SchemaTooNew  it was written by a newer Paramedic
├── NotNow                it passes: a full disk, another process        exit 75; a retry may help
│   └── NodeBusy          another process on this node holds the lock
├── PlanStale             the world moved on since the plan was made     exit 1
├── PackError             a pack is broken; the others go on
└── RedactionFailed       text was withheld because it could not be made safe
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class ParamedicError(Exception):
    """Something of ours failed. ``hint`` says what to do, ``exit_code`` follows sysexits."""

    exit_code: ClassVar[int] = 70
    retry_helps: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ParamedicError):
    """The command line makes no sense."""

    exit_code = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a file, with the place where it stands."""

    message: str
    path: Path | None = None
    line: int | None = None
    """Counted from 1."""
    expected: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        text = f"{place}: {self.message}" if place else self.message
        if self.expected:
            text += f", expected {self.expected}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigurationError(ParamedicError):
    """Files that a person wrote are wrong. Every problem is listed, not only the first."""

    exit_code = 78

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Unusable(ParamedicError):
    """A file or folder that Paramedic needs cannot be read or written, or holds what it should not."""

    exit_code = 74


class NotNow(ParamedicError):
    """It cannot be done at this moment; what is in the way is outside, and passes."""

    exit_code = 75
    retry_helps = True


class StoreError(Unusable):
    """The store cannot be read or written."""


class SchemaTooNew(StoreError):
    """The store was written by a newer Paramedic and is left alone."""


class NodeBusy(NotNow):
    """Another process on this node holds the engine's lock."""


class PlanStale(ParamedicError):
    """What the plan assumed is no longer so; make a new one."""

    exit_code = 1


class PackError(ParamedicError):
    """A pack could not be loaded or declares something impossible."""


class RedactionFailed(ParamedicError):
    """A text could not be made safe and was withheld."""
