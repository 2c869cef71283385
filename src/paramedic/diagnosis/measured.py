"""The votes of a live incident's series: what the checks measured, cut into intervals and ranked."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from paramedic.diagnosis.excess import Course, Measure, Scene
from paramedic.diagnosis.series import rank_by_series
from paramedic.model.incident import Vote
from paramedic.model.service import Service

INTERVALS = 12
"""How many intervals around the trouble are compared; what was measured earlier is what is usual."""

Samples = Sequence[tuple[float, float]]
"""When, in seconds of any clock, and how much."""


def series_votes(
    service: Service, symptom: str, latencies: Mapping[str, Samples], *, now_s: float, width_s: float
) -> Mapping[str, tuple[Vote, ...]]:
    """What the latencies say for each component; nothing where they tell no cause.

    ``symptom`` is the component where the trouble was noticed, ``width_s`` the length of an interval: that of the
    slowest of the checks. Votes for ``own-excess`` and ``edge-gap`` are of use beside those of ``rank_suspects``.
    """
    start_s = now_s - INTERVALS * width_s
    scene = Scene(
        symptom=symptom,
        measure=Measure.LATENCY,
        courses={name: {Measure.LATENCY: _course(each, start_s, width_s)} for name, each in latencies.items()},
        calls={name: each.depends_on for name, each in service.components.items()},
    )
    ranking = rank_by_series(scene)
    return {} if ranking.abstains else {each.component: each.votes for each in ranking.suspects}


def _course(samples: Samples, start_s: float, width_s: float) -> Course:
    intervals: list[list[float]] = [[] for _ in range(INTERVALS)]
    for at_s, value in samples:
        if at_s >= start_s:
            intervals[min(INTERVALS - 1, int((at_s - start_s) // width_s))].append(value)
    return Course(
        usual=tuple(value for at_s, value in samples if at_s < start_s),
        recent=tuple(fmean(each) if each else None for each in intervals),
    )
