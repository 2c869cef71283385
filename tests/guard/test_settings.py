"""The settings of a breaker."""

import pytest

from paramedic.guard import BreakerSettings, CircuitBreaker, TripCondition, Window, patient_profile
from paramedic.guard.settings import refuse_strangers


def test_defaults_are_those_of_the_contract() -> None:
    """5 failures, 300 s, 2 successes, 1 trial, consecutive, no conditions."""
    assert BreakerSettings() == BreakerSettings(
        failure_threshold=5,
        recovery_timeout=300.0,
        success_threshold=2,
        half_open_max_calls=1,
        window=Window(),
        trip_conditions=(),
        failure_on=Exception,
    )
    assert CircuitBreaker().settings == BreakerSettings()
    assert Window().slow_call_s == 5.0
    assert Window().minimum_calls == 10


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"failure_threshold": 0}, "`failure_threshold` is a whole number of at least 1, not `0`"),
        ({"failure_threshold": True}, "`failure_threshold` is a whole number"),
        ({"success_threshold": 1.5}, "`success_threshold` is a whole number"),
        ({"half_open_max_calls": -1}, "`half_open_max_calls` is a whole number"),
        ({"recovery_timeout": -1}, "`recovery_timeout` is a number of seconds"),
        ({"recovery_timeout": True}, "`recovery_timeout` is a number of seconds"),
        ({"recovery_timeout": float("inf")}, "`recovery_timeout`"),
        ({"recovery_timeout": "soon"}, "`recovery_timeout` is a number of seconds, not `soon`"),
        ({"failure_treshold": 3}, "a breaker has no `failure_treshold`; did you mean `failure_threshold`"),
        ({"zzz": 3}, "a breaker has no `zzz`; it has calls, consecutive_success_threshold, failure_on"),
        ({"failure_rate": 0.5}, "`failure_rate` needs a window"),
        ({"trip_conditions": [{"metric": "m"}]}, "a trip condition needs `threshold`"),
        ({"trip_conditions": [{"threshold": 1}]}, "a trip condition needs `metric`"),
        ({"trip_conditions": ["m"]}, "a trip condition has `metric`"),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "threshold_ms": 1}]},
            "a trip condition has either `threshold` or",
        ),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "compare": ">"}]},
            "a trip condition has no `compare`; did you mean `comparison`",
        ),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "comparison": "is"}]},
            "`comparison` is greater_than or less_than, not `is`",
        ),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "consecutive_violations": 0}]},
            "`consecutive_violations` is at least 1",
        ),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "consecutive_violations": 2.5}]},
            "`consecutive_violations` is at least 1, a whole number, not `2.5`",
        ),
        (
            {"trip_conditions": [{"metric": "m", "threshold": 1, "comparison": []}]},
            "`comparison` is greater_than or less_than, not `\\[\\]`",
        ),
        ({"trip_conditions": [{"metric": "m", "threshold": "5"}]}, "`threshold` is a number, not `5`"),
        ({"trip_conditions": [{"metric": "m", "threshold": float("nan")}]}, "`threshold` is a number, not `nan`"),
        ({"trip_conditions": [{"metric": 5, "threshold": 1}]}, "`metric` is the name of a metric, not `5`"),
        ({"trip_conditions": {"metric": "m", "threshold": 1}}, "`trip_conditions` is a list of conditions, not `{"),
        ({"failure_on": "ValueError"}, "`failure_on` is a type of error, several in a tuple, or a function"),
        ({"failure_on": int}, "`failure_on` is a type of error"),
        ({"failure_on": (ValueError, 5)}, "`failure_on` is a type of error"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(changes, complaint) -> None:
    """A live breaker keeps its old settings."""
    breaker = CircuitBreaker()
    with pytest.raises(ValueError, match=f"^{complaint}"):
        breaker.change(**changes)
    assert breaker.settings == BreakerSettings()
    with pytest.raises(ValueError, match=f"^{complaint}"):
        CircuitBreaker(**changes)


def test_aliases_mean_the_same() -> None:
    """Names of other deployments are understood."""
    assert CircuitBreaker(consecutive_success_threshold=4).settings.success_threshold == 4
    assert CircuitBreaker(recovery_timeout_seconds=7).settings.recovery_timeout == 7
    changed = BreakerSettings().changed({"recovery_timeout_s": 8, "half_open_max_calls": 1, "failure_threshold": 1})
    assert (changed.recovery_timeout, changed.failure_threshold) == (8, 1)
    assert BreakerSettings().changed({"recovery_timeout": 0, "success_threshold": None}).recovery_timeout == 0


def test_parts_of_the_window_stand_beside_the_other_settings() -> None:
    """And changing one part leaves the others, or replaces calls by seconds."""
    settings = BreakerSettings().changed({"calls": 50, "failure_rate": 0.5, "minimum_calls": 3})
    assert settings.window == Window(calls=50, failure_rate=0.5, minimum_calls=3)
    assert settings.changed({"seconds": 9}).window == Window(seconds=9, failure_rate=0.5, minimum_calls=3)
    assert settings.changed({"calls": 9}).window == Window(calls=9, failure_rate=0.5, minimum_calls=3)
    assert settings.changed({"failure_rate": 0.9}).window == Window(calls=50, failure_rate=0.9, minimum_calls=3)
    assert settings.changed({"window": "5 calls", "failure_rate": 1}).window == Window(calls=5, failure_rate=1)


@pytest.mark.parametrize("written", ["greater_than", "gt", ">", "above", "over"])
def test_above_is_written_in_many_ways(written) -> None:
    """Each means strictly above."""
    condition = TripCondition(metric="m", threshold=5, comparison=written)
    assert condition.violated_by(5.1)
    assert not condition.violated_by(5)
    assert not condition.violated_by(float("nan"))
    assert str(condition) == "`m` above 5"


@pytest.mark.parametrize("written", ["less_than", "lt", "<", "below", "under"])
def test_below_is_written_in_many_ways(written) -> None:
    """Each means strictly below."""
    condition = TripCondition(metric="m", threshold=5, comparison=written)
    assert condition.violated_by(4.9)
    assert not condition.violated_by(5)
    assert str(condition) == "`m` below 5"


def test_a_condition_is_read_from_a_file() -> None:
    """Milliseconds or the metric's own unit; above, once, where nothing else is said."""
    read = TripCondition.of({"metric": "fusion_overlay_latency_p95", "threshold_ms": 5000, "consecutive_violations": 3})
    assert read == TripCondition(metric="fusion_overlay_latency_p95", threshold=5000, consecutive_violations=3)
    assert TripCondition.of(read) is read
    assert TripCondition(metric="m", threshold=1).consecutive_violations == 1
    assert TripCondition(metric="m", threshold=1).comparison == "greater_than"


def test_the_patient_profile_is_that_of_the_contract() -> None:
    """8 failures, 180 s, 3 successes, 8000 ms five times, success 0.7 three times."""
    breaker = CircuitBreaker()
    breaker.change(**patient_profile())
    assert breaker.settings == BreakerSettings(
        failure_threshold=8,
        recovery_timeout=180.0,
        success_threshold=3,
        trip_conditions=(
            TripCondition(metric="fusion_overlay_latency_p95", threshold=8000, consecutive_violations=5),
            TripCondition(
                metric="fusion_success_rate", threshold=0.7, comparison="less_than", consecutive_violations=3
            ),
        ),
    )
    assert patient_profile("l", "s")["trip_conditions"][1]["metric"] == "s"
    assert patient_profile("l", "s")["trip_conditions"][0]["metric"] == "l"


def test_failures_are_what_the_caller_says() -> None:
    """A class, several, or a question; what is no Exception never is one by a question."""
    assert BreakerSettings().is_failure(KeyError())
    assert not BreakerSettings().is_failure(KeyboardInterrupt())
    assert BreakerSettings(failure_on=(KeyError, OSError)).is_failure(OSError())
    assert not BreakerSettings(failure_on=(KeyError, OSError)).is_failure(ValueError())
    asks = BreakerSettings(failure_on=lambda error: "down" in str(error))
    assert asks.is_failure(OSError("down"))
    assert not asks.is_failure(OSError("up"))
    assert not asks.is_failure(KeyboardInterrupt("down"))


def test_a_stranger_without_a_likeness_shows_what_there_is() -> None:
    """So the reader can choose."""
    with pytest.raises(ValueError, match=r"^a thing has no `zz`; it has a, b$"):
        refuse_strangers(["a", "zz"], ["b", "a"], "a thing")


def test_calls_replace_seconds() -> None:
    """As seconds replace calls."""
    assert BreakerSettings().changed({"seconds": 5}).changed({"calls": 9}).window == Window(calls=9)
