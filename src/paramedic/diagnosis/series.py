"""Which component a trouble comes from, told by what was measured. Every vote is kept.

Each kind of evidence ranks the suspects; the ranks are fused by weighted reciprocal rank
(Cormack, Clarke and Büttcher, SIGIR 2009, with k = 0), as those of findings are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from paramedic.diagnosis.excess import Excess, Measure, Scene
from paramedic.model.incident import Vote

WEIGHTS: Mapping[str, float] = {
    "own-excess": 3.0,
    "edge-gap": 1.0,
    "likeness": 1.0,
    "other-excess": 0.5,
    "order": 0.5,
    "pressure": 0.5,
    "load": 0.5,
    "silence": 0.5,
}
"""How much each kind of evidence counts. What was measured beside it: any other sensible choice does as well."""
_CLEAR = 2.0
"""A symptom that rises by fewer spreads may be chance."""
_ENOUGH = 0.1
"""A suspect from which less than this share of the symptom comes is not blamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A component with the votes that it got from the series."""

    component: str
    score: float
    """0 to 1 after fusion of its votes."""
    share: float
    """How much of the symptom begins here, 0 to 1."""
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Who may be the cause, by what was measured."""

    suspects: tuple[Measured, ...]
    """Most likely first."""
    abstains: str | None
    """Why nobody should be blamed, if so."""
    not_looked_at: tuple[str, ...]
    """Components of which nothing was measured."""


def rank_by_series(scene: Scene, weights: Mapping[str, float] = WEIGHTS) -> Ranking:
    """Suspects among the symptom's component and what it calls, most likely first."""
    excess = Excess(scene)
    kinds = _evidence(excess, scene.measure)
    speaking = {kind: values for kind, values in kinds.items() if any(value for value, _ in values.values())}
    total = sum(weights[kind] for kind in speaking) or 1.0
    suspects = []
    for name in excess.suspects:
        votes = tuple(_vote(kind, weights[kind], values, name) for kind, values in speaking.items())
        score = sum(each.weight for each in votes) / total
        share = kinds["own-excess"][name][0]
        suspects.append(Measured(component=name, score=round(score, 3), share=share, votes=votes))
    suspects.sort(key=lambda each: (-each.score, -each.share, each.component))
    return Ranking(
        suspects=tuple(suspects),
        abstains=_why_not(excess, suspects),
        not_looked_at=tuple(sorted(each for each in excess.suspects if not excess.is_measured(each))),
    )


def _evidence(excess: Excess, measure: Measure) -> Mapping[str, Mapping[str, tuple[float, str]]]:
    """How much speaks for each suspect, from 0, and why; by kind of evidence."""
    other = Measure.FAILURES if measure is Measure.LATENCY else Measure.LATENCY
    whole = excess.sum(excess.scene.symptom, measure)
    one = excess.each(excess.scene.symptom, measure)
    most = max((excess.sum(each, other) for each in excess.suspects), default=0.0)
    kinds: dict[str, dict[str, tuple[float, str]]] = {kind: {} for kind in WEIGHTS}
    for name in excess.suspects:
        share = min(1.0, _part(excess.own_sum(name, measure), whole))
        gap = _part(excess.own_each(name, measure), one)
        beside = _part(excess.own_sum(name, other), most)
        likeness = round(excess.likeness(name, measure), 1)
        early = excess.earliness(name, measure)
        pressure = round(excess.each(name, Measure.PRESSURE), 6)
        load = round(excess.load(name), 3)
        kinds["own-excess"][name] = share, f"{share:.0%} of the {measure} in excess begins here"
        kinds["edge-gap"][name] = gap, f"one request has {gap:.0%} of the symptom's excess more than what it calls"
        kinds["other-excess"][name] = beside, f"{beside:.0%} of the {other} in excess begins here, too"
        kinds["likeness"][name] = likeness, f"its {measure} goes up and down with the symptom ({likeness:.1f})"
        kinds["order"][name] = float(early), f"it began {early} intervals ago"
        kinds["pressure"][name] = pressure, f"a resource is used by {pressure:g} more than usual"
        kinds["load"][name] = load, f"its requests grew by {load:.0%} more than those of its callers"
        kinds["silence"][name] = excess.silence(name), "it got requests until the trouble began, then none"
    return kinds


def _part(value: float, whole: float) -> float:
    return round(value / whole, 3) if whole > 0 else 0.0


def _vote(kind: str, weight: float, values: Mapping[str, tuple[float, str]], name: str) -> Vote:
    value, reason = values[name]
    rank = 1 + sum(other > value for other, _ in values.values())
    return Vote(kind=kind, weight=round(weight / rank if value > 0 else 0.0, 3), reason=reason)


def _why_not(excess: Excess, suspects: list[Measured]) -> str | None:
    if not excess.is_measured(excess.scene.symptom):
        return "nothing was measured of the symptom"
    if excess.clearness(excess.scene.symptom) < _CLEAR:
        return "the symptom does not stand out from its own ups and downs"
    if suspects[0].share < _ENOUGH:
        return f"from nobody comes as much as {_ENOUGH:.0%} of the symptom"
    return None
