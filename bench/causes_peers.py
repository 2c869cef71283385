"""Other ways to rank causes, written here from their descriptions, to stand beside ours with the same data.

Each takes a scene and the intervals that were over when the trouble was noticed, and gives a score for each component.
"""

from collections.abc import Callable, Mapping
from statistics import fmean, median, pstdev, quantiles

from paramedic.diagnosis.excess import Course, Measure, Scene

Scores = Mapping[str, float]
Peer = Callable[[Scene, tuple[int, ...]], Scores]
ANOMALOUS = 3.0
FEW = 5
"""A statistic of fewer values is none."""
LEAST = {Measure.FAILURES: 0.01, Measure.REQUESTS: 1.0}
"""The spread of what never changed: one in a hundred, one request; a thousandth of whatever else."""


def n_sigma(scene: Scene, before: tuple[int, ...]) -> Scores:
    """The largest deviation of any metric from its healthy mean, in standard deviations."""
    return {
        name: max((_sigmas(measure, each, before) for measure, each in courses.items()), default=0.0)
        for name, courses in scene.courses.items()
    }


def baro_style(scene: Scene, before: tuple[int, ...]) -> Scores:
    """The largest deviation of any metric from its healthy median, in interquartile ranges (the scorer of BARO)."""
    return {
        name: max((_ranges(measure, each, before) for measure, each in courses.items()), default=0.0)
        for name, courses in scene.courses.items()
    }


def traversal(scene: Scene, before: tuple[int, ...]) -> Scores:
    """From the symptom along callees that are anomalous, too; those that call no anomalous one rank first."""
    sigmas = {
        name: _sigmas(scene.measure, courses[scene.measure], before) if scene.measure in courses else 0.0
        for name, courses in scene.courses.items()
    }
    reached = [scene.symptom]
    last = set()
    for name in reached:
        sick = [each for each in scene.calls.get(name, ()) if sigmas.get(each, 0.0) >= ANOMALOUS]
        reached.extend(each for each in sick if each not in reached)
        if not sick:
            last.add(name)
    highest = max(sigmas.values(), default=0.0) + 1
    return {name: value + highest * ((name in last) + (name in reached)) for name, value in sigmas.items()}


def rank_correlation(scene: Scene, _before: tuple[int, ...]) -> Scores:
    """Spearman's correlation with the symptom in the metric in which it was noticed, over all intervals.

    The symptom's own component comes last: it would correlate best with itself.
    """

    def whole(name: str) -> tuple[float | None, ...]:
        course = scene.courses.get(name, {}).get(scene.measure)
        return (*course.usual, *course.recent) if course else ()

    symptom = whole(scene.symptom)
    return {name: abs(_spearman(whole(name), symptom)) * (name != scene.symptom) for name in scene.courses}


PEERS: Mapping[str, Peer] = {
    "N-sigma": n_sigma,
    "BARO-style": baro_style,
    "traversal": traversal,
    "rank correlation": rank_correlation,
}


def _since(course: Course, before: tuple[int, ...]) -> list[float]:
    return [each for at, each in enumerate(course.recent) if each is not None and at not in before]


def _healthy(course: Course) -> list[float]:
    return [each for each in course.usual if each is not None]


def _sigmas(measure: Measure, course: Course, before: tuple[int, ...]) -> float:
    healthy, since = _healthy(course), _since(course, before)
    if len(healthy) < FEW or not since:
        return 0.0
    middle = fmean(healthy)
    return max(abs(each - middle) for each in since) / (pstdev(healthy) or LEAST.get(measure, 0.001))


def _ranges(measure: Measure, course: Course, before: tuple[int, ...]) -> float:
    healthy, since = _healthy(course), _since(course, before)
    if len(healthy) < FEW or not since:
        return 0.0
    low, _, high = quantiles(healthy, n=4)
    return max(abs(each - median(healthy)) for each in since) / ((high - low) or LEAST.get(measure, 0.001))


def _spearman(one: tuple[float | None, ...], two: tuple[float | None, ...]) -> float:
    pairs = [(a, b) for a, b in zip(one, two, strict=False) if a is not None and b is not None]
    if len(pairs) < FEW:
        return 0.0
    ranks = [_ranks([pair[at] for pair in pairs]) for at in (0, 1)]
    means = [fmean(each) for each in ranks]
    above = sum((a - means[0]) * (b - means[1]) for a, b in zip(*ranks, strict=True))
    below = (sum((a - means[0]) ** 2 for a in ranks[0]) * sum((b - means[1]) ** 2 for b in ranks[1])) ** 0.5
    return above / below if below else 0.0


def _ranks(values: list[float]) -> list[float]:
    """Places in order, the mean of them for equals."""
    ordered = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(ordered):
        end = start
        while end + 1 < len(ordered) and values[ordered[end + 1]] == values[ordered[start]]:
            end += 1
        for at in ordered[start : end + 1]:
            ranks[at] = (start + end) / 2
        start = end + 1
    return ranks
