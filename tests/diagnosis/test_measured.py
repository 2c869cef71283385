"""What checks measured of a live service votes for the cause."""

from stories import shop

from paramedic.diagnosis.measured import INTERVALS, series_votes

WIDTH_S = 30.0
NOW_S = 10_000.0
WOBBLE = (0.97, 1.02, 1.0, 0.99, 1.03)


def latencies(
    level_ms: float, slower_ms: float = 0.0, *, since_s: float = NOW_S - 3 * WIDTH_S
) -> list[tuple[float, float]]:
    """A look every half interval, for twice as long as is compared."""
    times = [NOW_S - WIDTH_S / 4 - at * WIDTH_S / 2 for at in range(4 * INTERVALS)]
    return [
        (at_s, level_ms * WOBBLE[at % len(WOBBLE)] + (slower_ms if at_s >= since_s else 0.0))
        for at, at_s in enumerate(reversed(times))
    ]


def votes(**measured: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
    found = series_votes(shop(), "api", measured, now_s=NOW_S, width_s=WIDTH_S)
    return {name: {each.kind: each.weight for each in said} for name, said in found.items()}


def test_the_slow_dependency_gets_the_vote() -> None:
    """The API waits for its database; the model is as fast as ever."""
    said = votes(api=latencies(50, 400), db=latencies(5, 390), llm=latencies(300))
    assert max(said, key=lambda name: said[name]["own-excess"]) == "db"
    assert not said["llm"]["own-excess"]


def test_a_component_that_is_slow_by_itself_gets_the_vote() -> None:
    """Nothing that it needs explains it."""
    said = votes(api=latencies(50, 400), db=latencies(5), llm=latencies(300))
    assert max(said, key=lambda name: said[name]["own-excess"]) == "api"


def test_usual_ups_and_downs_give_no_vote() -> None:
    """Nobody is blamed for noise."""
    assert votes(api=latencies(50), db=latencies(5)) == {}


def test_what_was_not_measured_gives_no_vote() -> None:
    """Without a series of the symptom nothing can be told."""
    assert votes(db=latencies(5, 390)) == {}
    assert votes() == {}
