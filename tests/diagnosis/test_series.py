"""What was measured names the cause: whose excess nothing that it calls explains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.diagnosis.excess import Course, Measure, Scene
from paramedic.diagnosis.series import Ranking, rank_by_series

CALLS = {"web": ["search", "pay"], "search": ["db"], "pay": ["db", "bank"], "old": ["pay"]}
HEALTHY = {"web": 0.100, "search": 0.020, "pay": 0.050, "db": 0.005, "bank": 0.030, "old": 0.060}
REQUESTS = {"web": 100.0, "search": 150.0, "pay": 20.0, "db": 300.0, "bank": 20.0, "old": 1.0}
WOBBLE = (0.98, 1.0, 1.02, 0.99, 1.01, 1.0, 0.97, 1.03)
BAD = (2, 3)
"""The intervals in which something is wrong, of five."""

Slow = Mapping[str, float]


def course(level: float, worse: float = 0.0) -> Course:
    wobbling = [level * each for each in WOBBLE[:5]]
    return Course(
        usual=tuple(level * each for each in WOBBLE),
        recent=tuple(value + (worse if at in BAD else 0.0) for at, value in enumerate(wobbling)),
    )


def scene(*, slow: Slow | None = None, failing: Slow | None = None, measure: Measure = Measure.LATENCY) -> Scene:
    """A shop, with what is slower by how many seconds and what fails by which share while the trouble lasts."""
    courses = {
        name: {
            Measure.LATENCY: course(HEALTHY[name], (slow or {}).get(name, 0.0)),
            Measure.FAILURES: course(0.0, (failing or {}).get(name, 0.0)),
            Measure.REQUESTS: course(REQUESTS[name]),
        }
        for name in HEALTHY
    }
    return Scene(symptom="web", measure=measure, courses=courses, calls=CALLS)


SEARCH_IS_SLOW = scene(slow={"search": 0.2, "web": 0.3})


def with_course(before: Scene, name: str, measure: Measure, new: Course) -> Scene:
    return replace(before, courses={**before.courses, name: {**before.courses[name], measure: new}})


def expect(ranking: Ranking, *first: str) -> None:
    assert [each.component for each in ranking.suspects[: len(first)]] == list(first), ranking


@pytest.mark.parametrize("measure", [Measure.LATENCY, Measure.FAILURES])
@pytest.mark.parametrize(
    ("cause", "worse"),
    [
        ("search", {"search": 0.2, "web": 0.3}),
        ("db", {"db": 0.1, "search": 0.2, "pay": 0.1, "web": 0.32}),
        ("bank", {"bank": 0.9, "pay": 0.9, "web": 0.18}),
        ("pay", {"pay": 0.9, "web": 0.18}),
        ("web", {"web": 0.2}),
    ],
)
def test_the_cause_is_where_the_excess_begins(cause: str, worse: Slow, measure: Measure) -> None:
    """Who only waits for it, or hands its failures on, comes later; so it is for every component of the shop."""
    ranking = rank_by_series(
        scene(slow=worse, measure=measure) if measure is Measure.LATENCY else scene(failing=worse, measure=measure)
    )
    expect(ranking, cause)
    assert ranking.abstains is None


def test_nothing_wrong_blames_nobody() -> None:
    """Ups and downs as usual are no trouble."""
    assert rank_by_series(scene()).abstains == "the symptom does not stand out from its own ups and downs"


def test_a_symptom_without_measurements_blames_nobody() -> None:
    """What could not be looked at is said."""
    blind = replace(SEARCH_IS_SLOW, courses={**SEARCH_IS_SLOW.courses, "web": {}})
    ranking = rank_by_series(blind)
    assert ranking.abstains == "nothing was measured of the symptom"
    assert ranking.not_looked_at == ("web",)


def test_a_component_without_measurements_is_told() -> None:
    """It is neither blamed nor cleared."""
    blind = replace(SEARCH_IS_SLOW, courses={**SEARCH_IS_SLOW.courses, "db": {}})
    ranking = rank_by_series(blind)
    assert ranking.not_looked_at == ("db",)
    expect(ranking, "search")


def test_an_empty_scene_blames_nobody() -> None:
    """No measurements at all are no accident of the program."""
    ranking = rank_by_series(Scene(symptom="web", measure=Measure.LATENCY, courses={}, calls={}))
    assert ranking.abstains
    assert [each.component for each in ranking.suspects] == ["web"]


def test_gaps_in_the_measurements_do_no_harm() -> None:
    """An interval without a value is left out, whoever it belongs to."""
    gappy = Course(usual=(None, 0.02, None, 0.021), recent=(0.02, None, 0.22, None, 0.02))
    expect(rank_by_series(with_course(SEARCH_IS_SLOW, "search", Measure.LATENCY, gappy)), "search")


def test_a_drift_since_the_healthy_times_is_no_excess() -> None:
    """What has been slower for months is not the cause of what began now."""
    drifted = Course(usual=(0.005,) * 5, recent=(3.0, 3.1, 3.05, 2.95, 3.0))
    expect(rank_by_series(with_course(SEARCH_IS_SLOW, "bank", Measure.LATENCY, drifted)), "search")


def test_trouble_in_every_interval_is_held_against_the_usual() -> None:
    """Where the symptom never was well, healthy times of old are the measure."""
    bad = scene()
    for name, worse in {"search": 0.2, "web": 0.3}.items():
        healthy = bad.courses[name][Measure.LATENCY]
        sick = replace(healthy, recent=tuple((each or 0.0) + worse for each in healthy.recent))
        bad = with_course(bad, name, Measure.LATENCY, sick)
    ranking = rank_by_series(bad)
    expect(ranking, "search")
    assert ranking.abstains is None


def test_a_rare_call_is_not_blamed_however_slow_it_is() -> None:
    """Seconds of waiting count, not how often the usual value was exceeded."""
    rare = with_course(SEARCH_IS_SLOW, "bank", Measure.LATENCY, course(0.03, 3.0))
    expect(rank_by_series(with_course(rare, "bank", Measure.REQUESTS, course(0.5))), "search")


def test_a_restless_caller_hides_no_cause() -> None:
    """What lies between may go up and down by more than the trouble: the cause still explains the symptom."""
    restless = Course(usual=(0.5, 3.0, 1.0, 4.0, 2.0), recent=(2.0, 3.5, 2.5, 3.0, 1.0))
    deep = scene(slow={"bank": 0.9, "web": 0.18})
    expect(rank_by_series(with_course(deep, "pay", Measure.LATENCY, restless)), "bank")


def test_calls_in_a_circle_do_no_harm() -> None:
    """Who calls whom may go round; the cause keeps its place."""
    around = replace(SEARCH_IS_SLOW, calls={**CALLS, "db": ["web", "db"]})
    expect(rank_by_series(around), "search")


def test_calls_are_no_suspects() -> None:
    """An edge is left out, and its excess stays with who calls."""
    ranking = rank_by_series(replace(scene(slow={"bank": 0.9, "pay": 0.9, "web": 0.18}), edges={"bank"}))
    expect(ranking, "pay")
    assert "bank" not in {each.component for each in ranking.suspects}


def test_a_call_that_nobody_made_before_is_its_callers() -> None:
    """Who begins to call something that fails was changed itself."""
    wrong = scene(failing={"pay": 0.9, "web": 0.18}, measure=Measure.FAILURES)
    never = {
        Measure.FAILURES: Course(recent=(None, None, 1.0, 1.0, None)),
        Measure.REQUESTS: Course(usual=(0.0,) * 5, recent=(0.0, 0.0, 18.0, 18.0, 0.0)),
    }
    new = replace(wrong, courses={**wrong.courses, "typo": never}, calls={**CALLS, "pay": [*CALLS["pay"], "typo"]})
    expect(rank_by_series(new), "pay")


def test_who_is_not_called_by_the_symptom_is_no_suspect() -> None:
    """Trouble comes from what is called."""
    strange = with_course(SEARCH_IS_SLOW, "old", Measure.LATENCY, course(0.06, 9.0))
    assert "old" not in {each.component for each in rank_by_series(strange).suspects}


def kinds_of(ranking: Ranking, component: str) -> set[str]:
    (votes,) = (each.votes for each in ranking.suspects if each.component == component)
    return {vote.kind for vote in votes if vote.weight}


def test_silence_speaks_against_a_component() -> None:
    """It was asked until the trouble began, and its callers are still there."""
    mute = Course(usual=(20.0,) * 8, recent=(20.0, 20.0, 0.0, 0.0, 20.0))
    gone = with_course(scene(failing={"web": 0.2}, measure=Measure.FAILURES), "pay", Measure.REQUESTS, mute)
    assert "silence" in kinds_of(rank_by_series(gone), "pay")
    assert "silence" not in kinds_of(rank_by_series(gone), "search")


def test_load_from_elsewhere_speaks_against_a_component() -> None:
    """Its requests grew, those of its callers did not."""
    flooded = with_course(SEARCH_IS_SLOW, "search", Measure.REQUESTS, course(150.0, 300.0))
    assert "load" in kinds_of(rank_by_series(flooded), "search")
    assert "load" not in kinds_of(rank_by_series(flooded), "web")


def test_a_resource_under_pressure_speaks_against_its_component() -> None:
    """Where a pressure is measured, it has a vote."""
    full = with_course(SEARCH_IS_SLOW, "search", Measure.PRESSURE, course(10.0, 80.0))
    assert "pressure" in kinds_of(rank_by_series(full), "search")


def test_every_vote_says_why() -> None:
    """The answer can be checked by hand."""
    first = rank_by_series(SEARCH_IS_SLOW).suspects[0]
    assert {vote.kind: vote.reason for vote in first.votes}["own-excess"] == (
        "100% of the latency in excess begins here"
    )
    assert 0 < first.score <= 1


@given(st.permutations(sorted(HEALTHY)), st.randoms(use_true_random=False))
def test_names_and_their_order_do_not_matter(names: Sequence[str], random: object) -> None:
    """Who is the cause is told by what was measured and who calls whom."""
    renamed = dict(zip(sorted(HEALTHY), names, strict=True))
    before = scene(slow={"db": 0.1, "search": 0.2, "pay": 0.1, "web": 0.32})
    courses = [(renamed[name], each) for name, each in before.courses.items()]
    random.shuffle(courses)  # type: ignore[attr-defined]
    after = Scene(
        symptom=renamed["web"],
        measure=before.measure,
        courses=dict(courses),
        calls={renamed[name]: [renamed[each] for each in called] for name, called in CALLS.items()},
    )
    scores = {renamed[each.component]: each.score for each in rank_by_series(before).suspects}
    assert {each.component: each.score for each in rank_by_series(after).suspects} == scores
    assert rank_by_series(after).suspects[0].component == renamed["db"]


@pytest.mark.parametrize("measure", [Measure.LATENCY, Measure.REQUESTS])
@given(factor=st.floats(1e-3, 1e6))
def test_units_do_not_matter(measure: Measure, factor: float) -> None:
    """Milliseconds or seconds, requests a minute or a day: the ranking is the same."""
    before = scene(slow={"bank": 0.9, "pay": 0.9, "web": 0.18})
    after = rank_by_series(scaled(before, measure, lambda value: value * factor))
    assert [each.component for each in after.suspects] == [each.component for each in rank_by_series(before).suspects]


def scaled(before: Scene, measure: Measure, change: Callable[[float], float]) -> Scene:
    def of(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
        return tuple(None if each is None else change(each) for each in values)

    for name, measured in before.courses.items():
        old = measured[measure]
        before = with_course(before, name, measure, Course(usual=of(old.usual), recent=of(old.recent)))
    return before
