"""Which of several troubles is the cause. Every vote is kept, so that the answer can be checked by hand."""

from collections.abc import Mapping, Sequence

from paramedic.diagnosis.correlate import explains
from paramedic.diagnosis.trouble import Trouble
from paramedic.model.incident import Suspect, Vote
from paramedic.model.service import Service
from paramedic.model.status import Status

_WEIGHTS = {"own-failure": 3.0, "depth": 2.0, "gravity": 1.5, "order": 1.0}
_RELATED_S = 120.0
"""An onset earlier than this before the newest trouble is an old story."""


def rank_suspects(service: Service, troubles: Sequence[Trouble]) -> tuple[Suspect, ...]:
    """Suspects, most likely first. One component is suspected of its deepest trouble; the rest are its symptoms.

    Each kind of evidence ranks the suspects; the ranks are fused by weighted reciprocal rank
    (Cormack, Clarke and Büttcher, SIGIR 2009, with k = 0).
    """
    chief = {}
    for trouble in sorted(troubles, key=lambda each: (each.status.rank, each.depth, -each.onset_s)):
        chief[trouble.component] = trouble
    if not chief:
        return ()
    explained = {name: _cause_of(service, name, chief) for name in chief}
    newest = max(each.onset_s for each in chief.values())
    kinds: dict[str, dict[str, tuple[float, str]]] = {
        "own-failure": {name: _own_failure(chief[name], cause) for name, cause in explained.items()},
        "depth": {name: (float(each.depth), f"`{each.code}` is of depth {each.depth}") for name, each in chief.items()},
        "gravity": {name: (float(each.status.rank), f"it is {each.status}") for name, each in chief.items()},
        "order": {
            name: (0.0, "it began long before the others")
            if newest - each.onset_s > _RELATED_S
            else (1.0 + newest - each.onset_s, f"it began {newest - each.onset_s:.1f} s before the newest")
            for name, each in chief.items()
        },
    }
    suspects = [
        Suspect(component=name, code=each.code, score=0.0, votes=_votes(name, kinds), is_symptom_of=explained[name])
        for name, each in chief.items()
    ]
    total = sum(_WEIGHTS.values())
    scored = [(sum(vote.weight for vote in each.votes) / total, each) for each in suspects]
    scored.sort(key=lambda pair: (-pair[0], pair[1].is_symptom_of is not None, pair[1].component))
    return tuple(
        Suspect(
            component=each.component,
            code=each.code,
            score=round(score, 3),
            votes=each.votes,
            is_symptom_of=each.is_symptom_of,
        )
        for score, each in scored
    )


def _own_failure(trouble: Trouble, cause: str | None) -> tuple[float, str]:
    if cause:
        return 0.0, f"it needs `{cause}`, which fails too"
    return (1.0 if trouble.status is Status.CRITICAL else 0.5), "nothing that it needs fails"


def _votes(name: str, kinds: Mapping[str, Mapping[str, tuple[float, str]]]) -> tuple[Vote, ...]:
    votes = []
    for kind, scores in kinds.items():
        value, reason = scores[name]
        rank = 1 + sum(other > value for other, _ in scores.values())
        votes.append(Vote(kind=kind, weight=round(_WEIGHTS[kind] / rank if value > 0 else 0.0, 3), reason=reason))
    return tuple(votes)


def _cause_of(service: Service, name: str, chief: Mapping[str, Trouble]) -> str | None:
    """The failing component that explains this one: the farthest down of what it needs, else its machine."""
    near_last = dict.fromkeys((*reversed(service.needs(name)), *chief))
    return next((each for each in near_last if each in chief and explains(service, chief[each], chief[name])), None)
