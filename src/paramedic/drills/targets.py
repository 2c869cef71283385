"""How soon a trouble must be found, understood and healed, by its severity; and objectives of somebody's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from paramedic.drills.outcome import Outcome
from paramedic.model.status import Severity
from paramedic.model.wire import load
from paramedic.report.words import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Times that may not be longer."""

    detect_s: float
    """From the fault to the first sign of it."""
    diagnose_s: float
    """From the first sign to the ranked suspects."""
    resolve_s: float
    """From the fault to the verified end."""


@lru_cache(maxsize=1)
def shipped_targets() -> Mapping[Severity, Targets]:
    """Those of the defaults."""
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "recovery-targets.yaml").read_text(encoding="utf-8")
    document = YAML(typ="safe", pure=True).load(text)
    return {Severity(name): load(Targets, entry) for name, entry in document.items()}


def times(outcome: Outcome) -> Mapping[str, float]:
    """What was measured, in the words of the targets."""
    found: dict[str, float] = {}
    if outcome.detect_s is not None:
        found["detect"] = outcome.detect_s
        if outcome.diagnose_s is not None:
            found["diagnose"] = outcome.diagnose_s - outcome.detect_s
    if outcome.recover_s is not None:
        found["resolve"] = outcome.recover_s
    return found


def too_late(outcome: Outcome, severity: Severity | None, targets: Mapping[Severity, Targets]) -> Iterator[str]:
    """Each time that was longer than its target."""
    wanted = targets.get(severity) if severity else None
    for name, took_s in times(outcome).items() if wanted else ():
        limit_s = getattr(wanted, f"{name}_s")
        if took_s > limit_s:
            yield f"{name} took {_said(took_s)}, the target of {severity} is {_said(limit_s)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A recovery-time objective: of everything, of one severity, or of one component."""

    limit_s: float
    of: str = ""

    def concerns(self, outcome: Outcome, severity: Severity | None) -> bool:
        """Whether it says something of this outcome."""
        return not self.of or self.of in (outcome.component, severity)


def beyond(outcome: Outcome, severity: Severity | None, objectives: Sequence[Objective]) -> str:
    """What the strictest objective says against the recovery, if so. The most particular ones count."""
    mine = [each for each in objectives if each.concerns(outcome, severity)]
    particular = [each for each in mine if each.of] or mine
    limit_s = min((each.limit_s for each in particular), default=None)
    if limit_s is None or outcome.recover_s is None or outcome.recover_s <= limit_s:
        return ""
    return f"recovered in {_said(outcome.recover_s)}, the objective is {_said(limit_s)}"


def _said(seconds: float) -> str:
    return duration(seconds * 1000)
