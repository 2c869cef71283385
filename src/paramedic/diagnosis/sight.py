"""What was looked at, and what could not be."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paramedic.model.finding import Finding
from paramedic.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """By component: how many checks pass, what fails, what fails by order, and which checks gave no answer."""

    passing: Mapping[str, int] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    """The code of its worst trouble."""
    ordered: Mapping[str, str] = field(default_factory=dict)
    """Why what fails of it is no trouble: it is stopped or worked on, and so not judged."""
    blind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentences: which check, and why it gave no answer."""


def sight(findings: Iterable[Finding], due: Iterable[tuple[str, str]]) -> Sight:
    """What the findings say of the checks that were due, each a component and a check."""
    worst: dict[tuple[str, str], Finding] = {}
    for each in findings:
        key = (each.component, each.check)
        if key not in worst or each.status.rank > worst[key].status.rank:
            worst[key] = each
    passing: dict[str, int] = defaultdict(int)
    failing: dict[str, Finding] = {}
    blind: dict[str, list[str]] = defaultdict(list)
    for component, check in dict.fromkeys((*due, *worst)):
        found = worst.get((component, check))
        if found is None:
            blind[component].append(f"{check} has not looked")
        elif found.status is Status.UNKNOWN:
            blind[component].append(f"{check}: {found.observed}")
        elif not found.status.is_failing:
            passing[component] += 1
        elif component not in failing or found.status.rank > failing[component].status.rank:
            failing[component] = found
    return Sight(
        passing=dict(passing),
        failing={name: each.code or "unknown" for name, each in failing.items()},
        blind={name: tuple(each) for name, each in blind.items()},
    )
