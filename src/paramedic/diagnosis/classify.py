"""The decision tree: what kind of trouble this is and how urgent, with the way taken and what decided each branch."""

from collections.abc import Sequence

from paramedic.diagnosis.trouble import Trouble
from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component, Criticality
from paramedic.model.incident import Suspect
from paramedic.model.status import Severity, Status

_QUESTIONS = (
    (IssueType.OUTAGE, "does the system respond?", "no"),
    (IssueType.PERFORMANCE, "does it respond in time?", "no"),
    (IssueType.CONNECTIVITY, "are the paths between its parts open?", "no"),
    (IssueType.AUTH, "is it refused for identity or permission?", "yes"),
)
_PARTS = {
    IssueType.DATABASE: "a data store or its integrity",
    IssueType.AI: "a model, its generation or embedding",
    IssueType.CONFIG: "a file, the environment or a package",
    IssueType.RESOURCE: "memory, disk or descriptors",
    IssueType.QUALITY: "answers, recall, drift or goldens",
    IssueType.BUDGET: "tokens or energy",
    IssueType.SECURITY: "exposure, a certificate or trust",
    IssueType.UNKNOWN: "none that is known: evidence is collected and people are called",
}


def classify(
    code: Code, component: str, suspects: Sequence[Suspect] = (), troubles: Sequence[Trouble] = ()
) -> tuple[IssueType, tuple[str, ...]]:
    """The type of an incident by its first suspect, and each question with its answer and what decided it.

    What else fails in the way that a branch asks about, and is not the cause, is told where the branch is left.
    """
    cause_of = {each.component: each.is_symptom_of for each in suspects}
    first = f"`{code.id}` of `{component}`"
    path = []
    for branch, question, decisive in _QUESTIONS:
        if code.type is branch:
            path.append(f"{question} {decisive}: {first}")
            return code.type, tuple(path)
        others = dict.fromkeys(
            f"`{each.code}` of `{each.component}` {_standing(each.component, component, cause_of)}"
            for each in troubles
            if each.type is branch
        )
        path.append("; ".join([f"{question} {'yes' if decisive == 'no' else 'no'}", *others]))
    path.append(f"which part is it? {_PARTS[code.type]} ({code.type}): {first}")
    return code.type, tuple(path)


def _standing(component: str, first: str, cause_of: dict[str, str | None]) -> str:
    if component == first:
        return "has a deeper reason there"
    cause = cause_of.get(component)
    return f"comes from `{cause}`" if cause else "is less likely the cause"


def severity_of(code: Code, status: Status, component: Component | None) -> Severity:
    """P0 for outages of what matters most, damaged data and breaches; a warning is never above P2."""
    high = component is not None and component.criticality is Criticality.HIGH
    low = component is not None and component.criticality is Criticality.LOW
    if status is not Status.CRITICAL:
        return Severity.P2 if code.type is IssueType.PERFORMANCE else Severity.P3
    if code.type is IssueType.SECURITY or code.is_damage or (code.type is IssueType.OUTAGE and high):
        return Severity.P0
    if low:
        return Severity.P2
    if code.type in (IssueType.OUTAGE, IssueType.DATABASE, IssueType.AI) or high:
        return Severity.P1
    return Severity.P2
