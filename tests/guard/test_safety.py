"""Breakers and objectives from one file."""

import json
from pathlib import Path

import pytest

from paramedic.guard import InvalidSettings, ProductionSafetyManager, TripCondition, UnreadableDocument, Window
from paramedic.guard.objectives import Measured, Objective

SLO = """service_level_objectives:
  fusion_success_rate: {target: 0.95, measurement_window_minutes: 60}
  fusion_latency_p95: {target_ms: 2000, critical_ms: 5000, measurement_window_minutes: 5}
  fusion_tokens_delta: {target: 12, critical: 25, minimum_samples: 3}
circuit_breakers:
  overlay:
    failure_threshold: 2
    recovery_timeout: 60
    consecutive_success_threshold: 1
    window: {calls: 10}
    trip_conditions:
      - {metric: fusion_overlay_latency_p95, threshold_ms: 5000, comparison: greater_than, consecutive_violations: 3}
      - {metric: fusion_success_rate, threshold: 0.5, comparison: less_than, consecutive_violations: 2}
  plain:
  described: {description: "for people"}
"""


def written(text: str) -> Path:
    folder = Path("configs/fusion")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slo.yaml").write_text(text)
    return folder


@pytest.fixture
def manager(clock):
    return ProductionSafetyManager(written(SLO), clock=clock)


def test_breakers_are_built_from_the_file(manager) -> None:
    """With all their settings, by name."""
    assert list(manager.circuit_breakers) == ["overlay", "plain", "described"]
    overlay = manager.circuit_breakers["overlay"]
    assert overlay.name == "overlay"
    assert (overlay.failure_threshold, overlay.recovery_timeout, overlay.success_threshold) == (2, 60, 1)
    assert overlay.window == Window(calls=10)
    assert overlay.trip_conditions == (
        TripCondition(metric="fusion_overlay_latency_p95", threshold=5000, consecutive_violations=3),
        TripCondition(metric="fusion_success_rate", threshold=0.5, comparison="less_than", consecutive_violations=2),
    )


def test_the_default_folder_and_other_spellings(clock) -> None:
    """`configs/fusion`, and JSON without a parser."""
    written(SLO)
    assert ProductionSafetyManager(clock=clock).circuit_breakers
    for name in ("slo.yml", "slo.json"):
        folder = Path(name.replace(".", "-"))
        folder.mkdir()
        (folder / name).write_text('{"circuit_breakers": {"a": {}}}')
        assert list(ProductionSafetyManager(folder).circuit_breakers) == ["a"]
    with pytest.raises(FileNotFoundError, match=r"there is no `slo.yaml` in `none`"):
        ProductionSafetyManager("none")


def test_health_without_measurements_is_healthy(manager) -> None:
    """And has the keys of the contract."""
    health = manager.check_system_health()
    assert health["overall_health"] == "healthy"
    assert health["slo_violations"] == []
    assert set(health["circuit_breaker_states"]) == {"overlay", "plain", "described"}
    assert health["circuit_breaker_states"]["plain"]["state"] == "closed"


def test_a_missed_objective_degrades(manager, clock) -> None:
    """With what was promised and what was measured; and is forgotten after its window."""
    manager.record("fusion_success_rate", 1)
    manager.record("fusion_success_rate", 0.8)
    assert manager.check_system_health()["slo_violations"] == [
        {"slo_name": "fusion_success_rate", "severity": "warning", "target": 0.95, "actual": 0.9, "window": "60 min"}
    ]
    assert manager.check_system_health()["overall_health"] == "degraded"
    clock.advance(3599)
    assert manager.check_system_health()["overall_health"] == "degraded"
    clock.step_wall(3600)
    assert manager.check_system_health()["overall_health"] == "degraded"
    clock.advance(1)
    assert manager.check_system_health()["overall_health"] == "healthy"


def test_an_objective_missed_by_far_is_critical(manager) -> None:
    """By the written bound, or three quarters of a target that should be high."""
    manager.record("fusion_success_rate", 0.72)
    assert manager.check_system_health()["slo_violations"][0]["severity"] == "warning"
    manager.record("fusion_success_rate", 0.5)
    assert manager.check_system_health()["slo_violations"][0]["severity"] == "critical"
    assert manager.check_system_health()["overall_health"] == "critical"


def test_a_quantile_is_taken_from_what_is_recorded_under_its_stem(manager) -> None:
    """Single latencies or the quantile itself."""
    for value in [1000] * 18 + [9000, 9000]:
        manager.record("fusion_latency", value)
    (violation,) = manager.check_system_health()["slo_violations"]
    assert violation == {
        "slo_name": "fusion_latency_p95",
        "severity": "critical",
        "target": 2000,
        "actual": 9000,
        "window": "5 min",
    }
    for _ in range(20):
        manager.record("fusion_latency_ms", 1000)
        manager.record("fusion_latency_p95", 1000)
    assert manager.check_system_health()["slo_violations"] == []


def test_too_few_measurements_judge_nothing(manager) -> None:
    """Where the file says how many it takes."""
    manager.record("fusion_tokens_delta", 20)
    manager.record("fusion_tokens_delta", 20)
    assert manager.check_system_health()["slo_violations"] == []
    manager.record("fusion_tokens_delta", 20)
    (violation,) = manager.check_system_health()["slo_violations"]
    assert (violation["severity"], violation["target"], violation["actual"]) == ("warning", 12, 20)


def test_measurements_reach_the_breakers(manager, clock) -> None:
    """And one open breaker degrades, all open ones are critical."""
    for _ in range(3):
        manager.record("fusion_overlay_latency_p95", 5001)
    assert manager.circuit_breakers["overlay"].state == "open"
    assert manager.check_system_health()["overall_health"] == "degraded"
    clock.advance(60)
    assert manager.check_system_health()["circuit_breaker_states"]["overlay"]["state"] == "half_open"
    assert manager.check_system_health()["overall_health"] == "degraded"
    for each in manager.circuit_breakers.values():
        each.force_open()
    assert manager.check_system_health()["overall_health"] == "critical"
    for each in manager.circuit_breakers:
        manager.force_circuit_breaker_reset(each)
    assert manager.check_system_health()["overall_health"] == "healthy"
    with pytest.raises(KeyError):
        manager.force_circuit_breaker_reset("none")


def test_recovery_parameters_are_adjusted_live(manager) -> None:
    """All or none."""
    manager.adjust_recovery_parameters("overlay", {"recovery_timeout": 9, "half_open_max_calls": 3})
    assert manager.circuit_breakers["overlay"].recovery_timeout == 9
    with pytest.raises(ValueError, match="did you mean"):
        manager.adjust_recovery_parameters("overlay", {"recovery_timeout": 1, "half_open_max_call": 3})
    assert manager.circuit_breakers["overlay"].recovery_timeout == 9


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_measurement_is_refused(manager, value) -> None:
    """Before anybody hears it."""
    with pytest.raises(ValueError, match="a measurement is a number"):
        manager.record("fusion_success_rate", value)
    assert manager.check_system_health()["slo_violations"] == []


BROKEN = """service_level_objectives:
  a: 3
  b: {target: 1, target_ms: 2}
  c: {}
  d: {target: "high"}
  e: {target: -1, measurement_window_minute: 5}
  f: {target: 1, comparison: about}
  g: {target: true, minimum_samples: .inf}
circuit_breakers:
  x: {failure_threshold: 0}
  y: {failure_treshold: 3}
  z: 3
  w: [1]
"""


def test_every_problem_of_the_file_is_shown() -> None:
    """With its line."""
    with pytest.raises(InvalidSettings) as found:
        ProductionSafetyManager(written(BROKEN))
    assert [(each.line, each.where, each.observed) for each in found.value.problems] == [
        (2, "service_level_objectives.a", "is no mapping"),
        (3, "service_level_objectives.b", "has not exactly one target"),
        (4, "service_level_objectives.c", "has not exactly one target"),
        (5, "service_level_objectives.d.target", "is `high`"),
        (6, "service_level_objectives.e.target", "is `-1`"),
        (6, "service_level_objectives.e.measurement_window_minute", "is no setting of an objective"),
        (7, "service_level_objectives.f.comparison", "is `about`"),
        (8, "service_level_objectives.g.target", "is `True`"),
        (8, "service_level_objectives.g.minimum_samples", "is `inf`"),
        (10, "circuit_breakers.x", "makes no sense: `failure_threshold` is a whole number of at least 1, not `0`"),
        (
            11,
            "circuit_breakers.y",
            "makes no sense: a breaker has no `failure_treshold`; did you mean `failure_threshold`?",
        ),
        (12, "circuit_breakers.z", "makes no sense: `3` is no mapping"),
        (13, "circuit_breakers.w", "makes no sense: `[1]` is no mapping"),
    ]
    one_target, number = "`target` or `target_ms`", "a number of at least 0"
    known = "one of target, target_ms, critical, critical_ms, measurement_window_minutes, minimum_samples, comparison"
    assert [each.expected for each in found.value.problems] == [
        *[one_target] * 3, number, number, f"{known}, description", "at_least or at_most", number, number,
        *["settings of a breaker"] * 4,
    ]  # fmt: skip
    assert str(found.value).startswith(
        "line 2: `service_level_objectives.a` is no mapping, expected `target` or `target_ms`; line 3"
    )


def test_files_of_the_wrong_shape() -> None:
    """A section that is none is a problem; an empty file has nothing."""
    with pytest.raises(
        InvalidSettings, match="line 1: `circuit_breakers` is no mapping, expected names with their settings"
    ):
        ProductionSafetyManager(written("circuit_breakers: [1]"))
    with pytest.raises(UnreadableDocument):
        ProductionSafetyManager(written("a: ["))
    assert ProductionSafetyManager(written("")).check_system_health()["overall_health"] == "healthy"


@pytest.mark.parametrize(
    ("name", "settings", "value", "severity"),
    [
        ("rate", {"target": 0.8}, 0.8, None),
        ("rate", {"target": 0.8}, 0.79, "warning"),
        ("rate", {"target": 1}, 0.75, "warning"),
        ("rate", {"target": 0.8}, 0.59, "critical"),
        ("rate", {"target": 0.8, "critical": 0.1}, 0.2, "warning"),
        ("latency", {"target": 10}, 10, None),
        ("latency", {"target": 10}, 25, "warning"),
        ("latency", {"target": 10}, 25.1, "critical"),
        ("x", {"target_ms": 10}, 11, "warning"),
        ("x", {"target_ms": 10, "critical_ms": 11}, 11.5, "critical"),
        ("x", {"target": 10, "comparison": "at_most"}, 11, "warning"),
        ("x", {"target": 10, "comparison": "less_than"}, 9, None),
        ("x", {"target": 10, "comparison": "below"}, 9, None),
        ("latency", {"target": 10, "comparison": "at_least"}, 9, "warning"),
        ("error_rate", {"target": 0.1}, 0.2, "warning"),
        ("x", {"target_ms": 10, "comparison": "above"}, 9, "warning"),
    ],
)
def test_an_objective_is_judged(name, settings, value, severity) -> None:
    """Which side is wrong follows from the unit, the word, or what is written."""
    assert Objective.of(name, settings).severity(value) == severity


@pytest.mark.parametrize("word", ["latency", "duration", "error", "delta", "cost", "tokens", "failure", "energy"])
def test_words_that_say_lower_is_better(word) -> None:
    """Within any name."""
    assert Objective.of(f"my_{word}_x", {"target": 1}).lower_is_better


@pytest.mark.parametrize(
    ("name", "values", "actual"),
    [
        ("x_p50", [4, 1, 3, 2], 2),
        ("x_p90", list(range(1, 11)), 9),
        ("x_p95", list(range(1, 21)), 19),
        ("x_p95", list(range(1, 101)), 95),
        ("x_p99", list(range(1, 101)), 99),
        ("x_p99", [5], 5),
        ("x_p95", [1, 2, 3, 4, 5], 5),
        ("x_p50", [1, 2, 3], 2),
        ("x", [1, 2], 1.5),
    ],
)
def test_the_actual_value_is_a_quantile_or_the_mean(name, values, actual) -> None:
    """Nearest rank."""
    assert Objective.of(name, {"target": 1}).actual(values) == actual


def test_an_objective_looks_back_an_hour_unless_told_otherwise() -> None:
    """And takes a single measurement for enough."""
    objective = Objective.of("x", {"target": 1})
    assert (objective.window_s, objective.minimum_samples) == (3600.0, 1)


def test_an_objective_hears_its_metrics_only() -> None:
    """Its name; for a quantile its stem, too."""
    quantile, mean = Objective.of("a_p95", {"target_ms": 1}), Objective.of("a_rate", {"target": 1})
    assert [quantile.hears(each) for each in ("a_p95", "a", "a_ms", "a_p50", "b")] == [True, True, True, False, False]
    assert [mean.hears(each) for each in ("a_rate", "a_", "a", "a__ms")] == [True, False, False, False]


def test_memory_for_measurements_is_bounded() -> None:
    """A flood forgets the oldest."""
    measured = Measured(Objective.of("rate", {"target": 0.5}))
    for number in range(100_001):
        measured.add(0 if number == 0 else 1, 0.0)
    assert len(measured._values) == 100_000
    assert measured.violation(0.0) is None
    assert Measured(Objective.of("rate", {"target": 0.5, "minimum_samples": 0})).violation(0.0) is None


@pytest.mark.parametrize("word", ["at_least", "at_most", "greater_than", "less_than", "above", "below"])
def test_every_word_for_a_side_is_understood(tmp_path, word) -> None:
    """In the file, too."""
    text = json.dumps({"service_level_objectives": {"x": {"target": 1, "comparison": word}}})
    (tmp_path / "slo.json").write_text(text)
    manager = ProductionSafetyManager(tmp_path)
    for value in (0.9, 1.1):
        manager.record("x", value)
        manager.record("x", value)
    assert manager.check_system_health()["overall_health"] == "healthy"


def test_nothing_at_all_may_be_the_target(tmp_path, clock) -> None:
    """No error is to be the rule."""
    (tmp_path / "slo.json").write_text('{"service_level_objectives": {"errors": {"target": 0}}}')
    manager = ProductionSafetyManager(tmp_path, clock=clock)
    manager.record("errors", 0)
    assert manager.check_system_health()["overall_health"] == "healthy"
    manager.record("errors", 1)
    assert manager.check_system_health()["overall_health"] == "critical"


@pytest.mark.parametrize(
    "name", ["target", "target_ms", "critical", "critical_ms", "measurement_window_minutes", "minimum_samples"]
)
def test_every_number_of_an_objective_is_one(tmp_path, name) -> None:
    """A word in its place is a problem."""
    settings = ({} if name.startswith("target") else {"target": 1}) | {name: "high"}
    (tmp_path / "slo.json").write_text(json.dumps({"service_level_objectives": {"x": settings}}))
    with pytest.raises(InvalidSettings, match=f"`service_level_objectives.x.{name}` is `high`, expected a number"):
        ProductionSafetyManager(tmp_path)


@pytest.mark.parametrize("text", ["- a", "words", "5"])
def test_a_file_that_is_no_mapping_protects_nothing_and_is_refused(text) -> None:
    """It is not taken for an empty one."""
    with pytest.raises(InvalidSettings, match=r"^line 1: `slo.yaml` is no mapping, expected `circuit_breakers`"):
        ProductionSafetyManager(written(text))


def test_settings_of_a_breaker_that_are_no_mapping_are_named() -> None:
    """As everything else in the file."""
    with pytest.raises(InvalidSettings, match=r"`circuit_breakers.a` makes no sense: `5` is no mapping"):
        ProductionSafetyManager(written("circuit_breakers:\n  a: 5\n"))
