"""Faults calculated into healthy intervals of the same data, in each component in turn.

The development cases know few causes. Here every component that the symptom's one depends on is one: slower or failing
by so much that the symptom shows it, with the excess handed on to its callers by their number of calls. The model is
ours and simple (all callers wait, calls are shared in proportion), so it shows which components are hard, not how
good a ranking is in life.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import median

from petshop import Case

from paramedic.diagnosis.excess import Course, Measure, Scene

LENGTH = 5
FEWEST_REQUESTS = 5.0
VISIBLE = (0.01, 0.06)
"""The share of the symptom's requests that fail."""
Intervals = Mapping[tuple[str, Measure], tuple[float | None, ...]]


def injected(cases: Sequence[Case], times: int) -> Iterator[Case]:
    """For each scenario, kind and component: ``times`` cases, half of them before a background of other hours."""
    for scenario in sorted({each.scenario for each in cases}):
        real = [each for each in cases if each.scenario == scenario]
        for kind, first in sorted({each.kind: each for each in real}.items()):
            for cause in sorted(Reach(first.scene).names):
                for at in range(times):
                    random_ = random.Random(f"{scenario} {kind} {cause} {at}")
                    background = drifted(real, random_) if at % 2 else usual(first.scene, random_)
                    made = inject(background, cause, random_)
                    if made:
                        yield replace(first, name=f"{cause} {at}", causes=frozenset([cause]), scene=made, before=(0, 1))


def healthy(cases: Sequence[Case], times: int) -> Iterator[Scene]:
    """Backgrounds into which nothing was injected."""
    for scenario in sorted({each.scenario for each in cases}):
        real = [each for each in cases if each.scenario == scenario]
        for at in range(times):
            random_ = random.Random(f"{scenario} {at}")
            yield drifted(real, random_) if at % 2 else usual(random_.choice(real).scene, random_)


def usual(scene: Scene, random_: random.Random) -> Scene:
    """Intervals one after the other out of the healthy time; what lies far from them is what is usual."""
    length = max(len(each.usual) for courses in scene.courses.values() for each in courses.values())
    start = random_.randrange(LENGTH, max(length - 2 * LENGTH, LENGTH + 1))

    def cut(course: Course) -> Course:
        recent = course.usual[start : start + LENGTH]
        return Course(
            usual=course.usual[: start - LENGTH] + course.usual[start + 2 * LENGTH :],
            recent=recent + (None,) * (LENGTH - len(recent)),
        )

    return replace(scene, courses={n: {m: cut(each) for m, each in c.items()} for n, c in scene.courses.items()})


def drifted(cases: Sequence[Case], random_: random.Random) -> Scene:
    """Intervals from before several of the troubles: months after the healthy time, with what changed since."""
    own, *others = random_.sample([each for each in cases if each.before], k=sum(bool(each.before) for each in cases))
    rows = [(own, at) for at in own.before]
    more = [(each, at) for each in others for at in each.before]
    rows = (rows + random_.sample(more, k=len(more)))[:LENGTH]

    def pick(name: str, measure: Measure) -> tuple[float | None, ...]:
        courses = [(case.scene.courses.get(name, {}).get(measure), at) for case, at in rows]
        return tuple(course.recent[at] if course else None for course, at in courses)

    return replace(
        own.scene,
        courses={
            name: {measure: replace(each, recent=pick(name, measure)) for measure, each in courses.items()}
            for name, courses in own.scene.courses.items()
        },
    )


class Reach:
    """How many times a request to the symptom's component calls each other one."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.callees = {
            name: [each for each in sorted(called) if each not in scene.edges]
            for name, called in scene.calls.items()
            if name not in scene.edges
        }
        self.names = [scene.symptom]
        for name in self.names:
            self.names.extend(each for each in self.callees.get(name, ()) if each not in self.names)

    def requests(self, name: str, at: int | None = None) -> float:
        """In an interval, or in the middle one of all by size."""
        course = self.scene.courses.get(name, {}).get(Measure.REQUESTS)
        recent = course.recent if course else ()
        known = [each for each in (recent if at is None else recent[at : at + 1]) if each is not None]
        return median(known) if known else 0.0

    @cache  # noqa: B019
    def per_request(self, name: str, cause: str, at: int | None = None) -> float:
        """How often one request to ``name`` reaches ``cause``. Callers in a circle do not add to it."""
        return self._per_request(name, cause, at, frozenset())

    def _per_request(self, name: str, cause: str, at: int | None, seen: frozenset[str]) -> float:
        if name == cause:
            return 1.0
        if name in seen or not self.requests(name, at):
            return 0.0
        total = 0.0
        for callee in self.callees.get(name, ()):
            callers = sum(self.requests(each, at) for each, called in self.callees.items() if callee in called)
            calls = self.requests(callee, at) / callers if callers else 0.0
            total += calls * self._per_request(callee, cause, at, seen | {name})
        return total


def inject(scene: Scene, cause: str, random_: random.Random) -> Scene | None:
    """The scene with the cause's trouble in its third interval and one or two more; none if the symptom is not hit."""
    reach = Reach(scene)
    reached = reach.per_request(scene.symptom, cause)
    level = [each for each in scene.courses[scene.symptom][Measure.LATENCY].recent if each is not None]
    if not reached or reach.requests(cause) < FEWEST_REQUESTS or not level:
        return None
    is_latency = scene.measure is Measure.LATENCY
    if is_latency:
        strength = random_.uniform(0.1, 0.8) * median(level) / reached
    else:
        strength = random_.uniform(*VISIBLE) / reached
        before = [each for each in scene.courses[cause][Measure.FAILURES].recent if each is not None]
        room = 1 - max(before, default=1.0)
        if room * reached < VISIBLE[0]:  # it cannot fail more than always
            return None
        strength = min(strength, room)
    early = random_.uniform(0, 0.2) if random_.random() < 1 / 3 else 0.0  # now and then it begins between two intervals
    shape = [0.0, early, *(random_.uniform(0.6, 1.2) for _ in range(2)), random_.choice([0.0, 0.0, 1.0])]
    courses = {name: dict(each) for name, each in scene.courses.items()}
    for name in reach.names:
        course = courses.get(name, {}).get(scene.measure)
        if course is None or not reach.per_request(name, cause):
            continue
        passed_on = strength * (1.0 if name == cause else random_.uniform(0.8, 1.1))
        more = [
            passed_on * reach.per_request(name, cause, at) * each * random_.uniform(0.9, 1.1)
            for at, each in enumerate(shape)
        ]
        courses[name][scene.measure] = replace(
            course,
            recent=tuple(
                None if old is None else old + add if is_latency else min(1.0, old + add)
                for old, add in zip(course.recent, more, strict=True)
            ),
        )
    return replace(scene, courses=courses)
