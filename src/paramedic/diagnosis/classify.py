"""The decision tree: what kind of trouble this is and how urgent, with the way taken."""

from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component, Criticality
from paramedic.model.status import Severity, Status

_QUESTIONS = (
    (IssueType.OUTAGE, "does the system respond?", "no"),
    (IssueType.PERFORMANCE, "does it respond in time?", "no"),
    (IssueType.CONNECTIVITY, "are the paths between its parts open?", "no"),
    (IssueType.AUTH, "is it refused for identity or permission?", "yes"),
)


def classify(code: Code) -> tuple[IssueType, tuple[str, ...]]:
    """The type of an incident by its first suspect, and each question with its answer on the way there."""
    path = []
    for branch, question, decisive in _QUESTIONS:
        if code.type is branch:
            path.append(f"{question} {decisive} (`{code.id}`)")
            return code.type, tuple(path)
        path.append(f"{question} {'yes' if decisive == 'no' else 'no'}")
    path.append(f"which part is it? {code.type} (`{code.id}`)")
    return code.type, tuple(path)


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
