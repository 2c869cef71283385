"""How much worse than before each component was while the trouble lasted, and how much of that is its own.

A service that waits for another is slow, too, and so is everything above it. Time and failed requests add up along a
chain of calls; ratios and standard deviations do not. So excess is counted in seconds and in failed requests.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from statistics import StatisticsError, correlation, fmean, median

_BAD = 1 / 3
"""How far the symptom is from its best towards its worst, where it begins to count as bad."""
_WELL = 0.9
"""The share of healthy values that a spread spans."""
_GROWN = 0.2
"""Less growth of requests than by this share is no growth."""
_SILENT = 0.1
"""Less than this share of its requests, and a component is silent."""


class Measure(StrEnum):
    """What a series tells. More is worse of each."""

    LATENCY = "latency"
    """Mean time of a request, in a unit that all components share."""
    FAILURES = "failures"
    """Share of the requests that failed, 0 to 1."""
    REQUESTS = "requests"
    """Number of requests in an interval."""
    PRESSURE = "pressure"
    """Use of a resource, in any unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one measure of one component went. ``None`` where nothing was measured."""

    usual: tuple[float | None, ...] = ()
    """What it was in healthy times, in any order; it may be long ago."""
    recent: tuple[float | None, ...]
    """One value for each interval around the trouble, oldest first; the same intervals for all components."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was measured around a trouble."""

    symptom: str
    """The component where it was noticed."""
    measure: Measure
    """By which measure it was noticed."""
    courses: Mapping[str, Mapping[Measure, Course]]
    """What was measured of each component."""
    calls: Mapping[str, Collection[str]]
    """What each component calls."""
    edges: Collection[str] = field(default=frozenset())
    """Names that stand for a call or for who calls: a cause is looked for at either end, never there."""


class Excess:
    """A scene, split into the intervals in which the symptom was bad and those in which it was not."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._bad, self._good = _split(scene)
        self._known: dict[tuple[str, Measure], float] = {}
        self._needed: dict[str, Collection[str]] = {}
        self._chains: dict[Measure, frozenset[str]] = {}
        self._callers: dict[str, list[str]] = {}
        for caller, callees in scene.calls.items():
            for callee in callees:
                self._callers.setdefault(callee, []).append(caller)

    @cached_property
    def _nearness(self) -> Mapping[str, int]:
        reach = _reach(self.scene.symptom, lambda name: self.scene.calls.get(name, ()))
        return {name: at for at, name in enumerate((self.scene.symptom, *reach))}

    @cached_property
    def suspects(self) -> tuple[str, ...]:
        """The symptom's component and all that it calls, directly or not, nearest first.

        What nobody has seen before the trouble is a call that its caller has just begun to make.
        """
        return tuple(each for each in self._nearness if each == self.scene.symptom or not self._is_edge(each))

    def clearness(self, name: str) -> float:
        """By how many spreads it stands out from its own ups and downs."""
        level, spread = self._level(name, self.scene.measure) or (0.0, 0.0)
        raw = self._raw(name, self.scene.measure, level)
        return raw / spread if spread else float("inf") if raw > 0 else 0.0

    def is_measured(self, name: str) -> bool:
        """Whether anything is known of it around the trouble."""
        return any(_values(self._recent(name, each)) for each in Measure)

    def each(self, name: str, measure: Measure) -> float:
        """How much worse one request was, beyond what is usual; one interval for requests and pressure."""
        key = (name, measure)
        if key not in self._known:
            level = self._level(name, measure)
            if level is None:
                self._known[key] = 0.0
            elif key == (self.scene.symptom, self.scene.measure):
                self._known[key] = max(0.0, self._raw(name, measure, level[0]))  # somebody noticed it: it is real
            else:
                self._known[key] = max(0.0, self._raw(name, measure, level[0]) - level[1])
        return self._known[key]

    def sum(self, name: str, measure: Measure) -> float:
        """How much worse all requests of an interval were together: seconds of waiting, failed requests."""
        requests = _values(self._during(name, Measure.REQUESTS, self._bad))
        requests = requests or _values(self._during(self.scene.symptom, Measure.REQUESTS, self._bad))
        return self.each(name, measure) * (fmean(requests) if requests else 1.0)

    def own_sum(self, name: str, measure: Measure) -> float:
        """The part of ``sum`` that the worst of what it calls does not explain.

        Directly or not: what lies between may be too restless to show it.
        """
        below = (self.sum(each, measure) for each in self._below(name))
        return max(0.0, self.sum(name, measure) - max(below, default=0.0))

    def own_each(self, name: str, measure: Measure) -> float:
        """The gap between its excess for one request and the largest of what it calls.

        Only where the excess arrives at the symptom: through callers that are in excess, too.
        """
        if name not in self._chain(measure):
            return 0.0
        below = (self.each(each, measure) for each in self._callees(name))
        return max(0.0, self.each(name, measure) - max(below, default=0.0))

    def likeness(self, name: str, measure: Measure) -> float:
        """How well its ups and downs follow those of the symptom, 0 to 1; 0 where nothing was in excess."""
        if not self.each(name, measure):
            return 0.0
        pairs = [
            (here, there)
            for here, there in zip(
                self._recent(name, measure), self._recent(self.scene.symptom, self.scene.measure), strict=False
            )
            if here is not None and there is not None
        ]
        try:
            return max(0.0, correlation([here for here, _ in pairs], [there for _, there in pairs]))
        except StatisticsError:  # fewer than two, or one that does not move
            return 0.0

    def earliness(self, name: str, measure: Measure) -> int:
        """How many intervals ago its excess began; 0 where there is none."""
        if not self.each(name, measure):
            return 0
        level, spread = self._level(name, measure) or (0.0, 0.0)
        values = self._recent(name, measure)
        return max((len(values) - at for at, value in enumerate(values) if value and value > level + spread), default=0)

    def load(self, name: str) -> float:
        """By which share its requests grew more than those of whoever calls it: somebody else has come."""
        callers = [self._growth(each) for each in self._callers.get(name, ()) if not self._is_edge(each)]
        own = self._growth(name) - max(callers, default=0.0)
        return own if own > _GROWN else 0.0

    def silence(self, name: str) -> float:
        """1 where requests came until the trouble began and then none, although its callers are busy."""
        was = _values(self._during(name, Measure.REQUESTS, self._good))
        now = _values(self._during(name, Measure.REQUESTS, self._bad))
        if not was or not now or not median(was) or fmean(now) > _SILENT * median(was):
            return 0.0
        callers = [each for each in self._callers.get(name, ()) if not self._is_edge(each)]
        return 0.0 if callers and all(self.silence(each) for each in callers) else 1.0

    def _chain(self, measure: Measure) -> Collection[str]:
        if measure not in self._chains:
            chain = [self.scene.symptom]
            for name in chain:
                chain.extend(each for each in self._callees(name) if each not in chain and self.each(each, measure))
            self._chains[measure] = frozenset(chain)
        return self._chains[measure]

    def _growth(self, name: str) -> float:
        level = self._level(name, Measure.REQUESTS)
        return self.each(name, Measure.REQUESTS) / level[0] if level and level[0] else 0.0

    def _below(self, name: str) -> Collection[str]:
        """What it calls, directly or not; of those that call it, too, only what is farther from the symptom."""
        return [
            each
            for each in self._needs(name)
            if each != name and (name not in self._needs(each) or self._nearness[each] > self._nearness[name])
        ]

    def _needs(self, name: str) -> Collection[str]:
        if name not in self._needed:
            self._needed[name] = _reach(name, self._callees)
        return self._needed[name]

    def _callees(self, name: str) -> Iterator[str]:
        return (each for each in self.scene.calls.get(name, ()) if each != name and not self._is_edge(each))

    def _is_edge(self, name: str) -> bool:
        if name in self.scene.edges:
            return True
        seen = [
            bool(_values(course.usual) or _values(_at(course.recent, self._good)))
            for measure, course in self.scene.courses.get(name, {}).items()
            if measure is not Measure.REQUESTS and _values(course.recent)  # none that was counted is no request
        ]
        return bool(seen) and not any(seen)

    def _recent(self, name: str, measure: Measure) -> tuple[float | None, ...]:
        course = self.scene.courses.get(name, {}).get(measure)
        return course.recent if course else ()

    def _during(self, name: str, measure: Measure, when: Collection[int]) -> Iterator[float | None]:
        return _at(self._recent(name, measure), when)

    def _raw(self, name: str, measure: Measure, level: float) -> float:
        now = _values(self._during(name, measure, self._bad))
        return fmean(now) - level if now else 0.0

    def _level(self, name: str, measure: Measure) -> tuple[float, float] | None:
        """What was normal just before or after, and the spread around it.

        What is usual may have changed since; then its spread is taken in proportion.
        """
        course = self.scene.courses.get(name, {}).get(measure)
        if course is None:
            return None
        usual = sorted(_values(course.usual))
        good = _values(_at(course.recent, self._good))
        if not usual and not good:
            return None
        level = median(good or usual)
        spread = (max(good) - min(good)) / 2 if good else 0.0
        if usual:
            middle = median(usual)
            wide = usual[int(_WELL * (len(usual) - 1))] - middle
            is_ratio = measure is not Measure.FAILURES and middle > 0
            spread = max(spread, wide / middle * level if is_ratio else wide)
        return level, spread


def _reach(start: str, calls: Callable[[str], Iterable[str]]) -> Collection[str]:
    """What can be come to from there, nearest first; without the start itself."""
    found: dict[str, None] = {}
    order = [start]
    for each in order:
        fresh = [other for other in sorted(calls(each)) if other not in found and other != start]
        found.update(dict.fromkeys(fresh))
        order.extend(fresh)
    return found


def _split(scene: Scene) -> tuple[frozenset[int], frozenset[int]]:
    """The intervals in which the symptom was more than a third of the way from its best to its worst, and the others.

    All are bad where it never came near to what is usual.
    """
    course = scene.courses.get(scene.symptom, {}).get(scene.measure)
    if course is None or not (values := _values(course.recent)):
        return frozenset(), frozenset()
    best, worst = min(values), max(values)
    usual = _values(course.usual)
    limit = best + _BAD * (worst - best)
    if usual and best - median(usual) > worst - best:
        limit = best
    known = [(at, value) for at, value in enumerate(course.recent) if value is not None]
    return (
        frozenset(at for at, value in known if value >= limit),
        frozenset(at for at, value in known if value < limit),
    )


def _values(series: Iterable[float | None]) -> list[float]:
    return [each for each in series if each is not None]


def _at(series: tuple[float | None, ...], when: Collection[int]) -> Iterator[float | None]:
    return (value for at, value in enumerate(series) if at in when)
