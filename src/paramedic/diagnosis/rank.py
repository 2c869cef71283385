"""Which of several troubles is the cause. Every vote is kept, so that the answer can be checked by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from paramedic.diagnosis.changes import Dated, before
from paramedic.diagnosis.correlate import explains
from paramedic.diagnosis.trouble import Trouble
from paramedic.diagnosis.weighing import Weighing
from paramedic.model.code import IssueType
from paramedic.model.incident import Suspect, Vote
from paramedic.model.service import Service
from paramedic.model.status import Status

_Said = Mapping[str, tuple[float, str]]
"""Component to how much a kind of evidence speaks against it, and why."""
_OPTIONAL = frozenset({"change", "pressure"})
"""Kinds that count only where they have something to say."""


def rank_suspects(
    service: Service, troubles: Sequence[Trouble], weighing: Weighing, changes: Sequence[Dated] = ()
) -> tuple[Suspect, ...]:
    """Suspects, most likely first. One component is suspected of its deepest trouble; the rest are its symptoms.

    Each kind of evidence ranks the suspects; the ranks are fused by weighted reciprocal rank
    (Cormack, Clarke and Büttcher, SIGIR 2009, with k = 0).
    """
    chief: dict[str, Trouble] = {}
    for trouble in sorted(troubles, key=lambda each: (each.status.rank, each.depth, -each.onset_s)):
        chief[trouble.component] = trouble
    if not chief:
        return ()
    explained = {name: _cause_of(service, name, chief) for name in chief}
    kinds: dict[str, _Said] = {
        "own-failure": {name: _own_failure(chief[name], cause) for name, cause in explained.items()},
        "depth": {name: (float(each.depth), f"`{each.code}` is of depth {each.depth}") for name, each in chief.items()},
        "gravity": {name: (float(each.status.rank), _gravity(each)) for name, each in chief.items()},
        "order": _order(chief, weighing),
        "change": _changed(chief, changes, weighing),
        "pressure": _pressed(chief, troubles),
    }
    kinds = {kind: said for kind, said in kinds.items() if kind not in _OPTIONAL or any(v for v, _ in said.values())}
    total = sum(weighing.weights[kind] for kind in kinds)
    suspects = []
    for name, each in chief.items():
        votes = tuple(_vote(kind, name, said, weighing.weights[kind]) for kind, said in kinds.items())
        suspect = Suspect(component=name, code=each.code, score=0.0, votes=votes, is_symptom_of=explained[name])
        suspects.append(replace(suspect, score=sum(vote.weight for vote in votes) / total))
    suspects.sort(key=lambda each: (-each.score, each.is_symptom_of is not None, each.component))
    return tuple(replace(each, score=round(each.score, 3)) for each in suspects)


def _own_failure(trouble: Trouble, cause: str | None) -> tuple[float, str]:
    if trouble.is_guess:
        return 0.0, "its own checks pass"
    if cause:
        return 0.0, f"it needs `{cause}`, which fails too"
    return (1.0 if trouble.status is Status.CRITICAL else 0.5), "nothing that it needs fails"


def _gravity(trouble: Trouble) -> str:
    return f"what it may cause is {trouble.status}" if trouble.is_guess else f"it is {trouble.status}"


def _order(chief: Mapping[str, Trouble], weighing: Weighing) -> _Said:
    newest = max(each.onset_s for each in chief.values())
    return {
        name: (0.0, "it began long before the others")
        if newest - each.onset_s > weighing.related_s and not each.is_guess
        else (1.0 + newest - each.onset_s, f"it began {newest - each.onset_s:.1f} s before the newest")
        for name, each in chief.items()
    }


def _changed(chief: Mapping[str, Trouble], changes: Sequence[Dated], weighing: Weighing) -> _Said:
    """The shorter before the first trouble, the more it says."""
    onset_s = min((each.onset_s for each in chief.values() if not each.is_guess), default=0.0)
    said = dict.fromkeys(chief, (0.0, "nothing of it was changed"))
    for each in reversed(before(changes, onset_s, weighing.change_window_s)):
        if (name := each.change.component) in said:
            ago_s = onset_s - each.at_s
            share = 1.0 - ago_s / (weighing.change_window_s + 1.0)
            said[name] = (share, f"{each.change.kind} {ago_s:.1f} s before: {each.change.what}")
    return said


def _pressed(chief: Mapping[str, Trouble], troubles: Sequence[Trouble]) -> _Said:
    said = dict.fromkeys(chief, (0.0, "it has run out of nothing"))
    for each in sorted(troubles, key=lambda trouble: trouble.status.rank):
        if each.type is IssueType.RESOURCE:
            said[each.component] = (float(each.status.rank), f"`{each.code}` is {each.status}")
    return said


def _vote(kind: str, name: str, said: _Said, weight: float) -> Vote:
    value, reason = said[name]
    rank = 1 + sum(other > value for other, _ in said.values())
    return Vote(kind=kind, weight=round(weight / rank if value > 0 else 0.0, 3), reason=reason)


def _cause_of(service: Service, name: str, chief: Mapping[str, Trouble]) -> str | None:
    """The failing component that explains this one: the farthest down of what it needs, else its machine."""
    near_last = dict.fromkeys((*reversed(service.needs(name)), *chief))
    return next((each for each in near_last if each in chief and explains(service, chief[each], chief[name])), None)
