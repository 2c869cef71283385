"""Energy, governed like tokens."""

from pathlib import Path

import pytest

from paramedic.guard import BudgetExhausted, EnergyBudget, EnergyMeter, InvalidSettings

FILE = """energy_governance:
  joules_per_token: 0.5
  request_budget_joules: 100
  daily_budget_joules: 1000
  breach_threshold: 10
  critical_threshold: 20
  consecutive_breaches: 2
  cooldown_s: 60
  scenarios:
    refund: {request_budget_joules: 50, daily_budget_joules: 300}
    report: {}
"""


def budget(text=FILE, **more):
    Path("energy_governance.yaml").write_text(text)
    return EnergyBudget.from_file("energy_governance.yaml", **more)


def test_a_request_is_judged_against_its_budget(clock) -> None:
    """Measured joules, or tokens times what is declared; per scenario where it has its own."""
    energy = budget(clock=clock)
    assert energy.record(joules=105) == pytest.approx(5)
    assert energy.record(tokens=240) == pytest.approx(20)
    assert energy.record(joules=60, scenario="refund") == pytest.approx(20)
    assert energy.downgrade_active
    status = energy.get_status()
    assert status["consecutive_breaches"] == 2
    assert status["joules_per_token"] == 0.5
    assert status["breach_threshold"] == 10
    assert status["spent"] == {"day": {"spent": 0.0, "limit": 1000}, "scenario:refund": {"spent": 0.0, "limit": 300}}
    assert Path(".fusion_energy_state.json").exists()
    assert energy.tripwire.name == "energy"
    assert energy.request_budget("report") == energy.request_budget("unknown") == energy.request_budget() == 100
    assert energy.request_budget("refund") == 50


def test_a_request_is_stopped_before_it_overspends_a_day(clock) -> None:
    """Its scenario's or everybody's; what one refuses the other gets back."""
    energy = budget(clock=clock)
    with energy.reserve(250, "refund") as reserved:
        reserved.commit(200)
    with pytest.raises(BudgetExhausted) as refusal:
        energy.reserve(101, "refund")
    assert refusal.value.scope == "scenario:refund"
    assert energy.tripwire.spent()["day"]["spent"] == 200
    energy.reserve(100, "refund").release()
    with energy.reserve(100, "report"):
        pass
    assert energy.tripwire.spent()["day"]["spent"] == 300
    with pytest.raises(KeyError), energy.reserve(100):
        raise KeyError
    assert energy.tripwire.spent()["day"]["spent"] == 300
    energy.reserve(700).commit()
    with pytest.raises(BudgetExhausted) as refusal:
        energy.reserve(1)
    assert refusal.value.scope == "day"


def test_without_budgets_nothing_is_judged(clock) -> None:
    """And without a declared energy of tokens it must be measured."""
    energy = EnergyBudget(path="e.json", clock=clock)
    assert energy.record(joules=1e9) is None
    energy.reserve(1e9, "x").commit()
    with pytest.raises(ValueError, match=r"^energy was not measured and `joules_per_token` is not declared$"):
        energy.record(tokens=5)
    assert not energy.downgrade_active


def test_the_state_file_may_stand_elsewhere(clock, monkeypatch) -> None:
    """By the environment."""
    monkeypatch.setenv("FUSION_ENERGY_STATE", "there.json")
    energy = EnergyBudget(request_budget_joules=1, consecutive_breaches=1, clock=clock)
    energy.record(joules=2)
    assert Path("there.json").exists()


BROKEN = """energy_governance:
  joules_per_tokens: 1
  daily_budget_joules: -5
  cooldown_s: true
  request_budget_joules: much
  scenarios:
    a: {joules_per_token: 1}
    b: {daily_budget_joules: .nan}
"""


def test_every_problem_of_the_file_is_shown() -> None:
    """With its line."""
    with pytest.raises(InvalidSettings) as found:
        budget(BROKEN)
    assert [(each.line, each.where, each.observed) for each in found.value.problems] == [
        (2, "energy_governance.joules_per_tokens", "is no setting"),
        (3, "energy_governance.daily_budget_joules", "is `-5`"),
        (4, "energy_governance.cooldown_s", "is `True`"),
        (5, "energy_governance.request_budget_joules", "is `much`"),
        (7, "energy_governance.scenarios.a.joules_per_token", "is no setting"),
        (8, "energy_governance.scenarios.b.daily_budget_joules", "is `nan`"),
    ]
    assert found.value.problems[0].expected.startswith(
        "one of joules_per_token, request_budget_joules, daily_budget_joules, breach"
    )
    assert found.value.problems[1].expected == "a number of at least 0"
    assert found.value.problems[4].expected == "one of request_budget_joules, daily_budget_joules"


@pytest.mark.parametrize("text", ["", "[]", "energy_governance: 3", "other: {}"])
def test_a_file_without_its_heading_is_one_problem(text) -> None:
    """The heading is missing."""
    with pytest.raises(InvalidSettings, match="line 1: `energy_governance` is missing, expected a mapping of settings"):
        budget(text)


@pytest.mark.parametrize("text", ["scenarios: 3", "scenarios: {a: 3}", "scenarios:"])
def test_scenarios_are_a_mapping(text) -> None:
    """Of settings."""
    with pytest.raises(
        InvalidSettings, match=r"line 2: `energy_governance.scenarios` is no mapping, expected settings per scenario"
    ):
        budget(f"energy_governance:\n  {text}\n")


def zone(root, name, now, most=1_000_000):
    (root / name).mkdir(exist_ok=True)
    (root / name / "energy_uj").write_text(f"{now}\n")
    (root / name / "max_energy_range_uj").write_text(f"{most}\n")


def test_the_processors_are_measured(tmp_path) -> None:
    """All packages, none of their parts twice, through one wrap of a counter."""
    zone(tmp_path, "intel-rapl:0", 900_000)
    zone(tmp_path, "intel-rapl:1", 100_000)
    zone(tmp_path, "intel-rapl:0:0", 5)
    meter = EnergyMeter(tmp_path)
    assert meter.joules() is None
    assert meter.start()
    assert meter.joules() == 0
    zone(tmp_path, "intel-rapl:0", 100_000)
    zone(tmp_path, "intel-rapl:1", 600_000)
    assert meter.joules() == 0.7
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert meter.joules() is None
    assert not meter.start()
    assert meter.joules() is None


def test_where_nothing_is_counted_nothing_is_measured(tmp_path) -> None:
    """As in most virtual machines."""
    meter = EnergyMeter(tmp_path)
    assert not meter.start()
    assert meter.joules() is None


def test_this_machine_counts_or_it_does_not() -> None:
    """Nobody has to say where."""
    meter = EnergyMeter()
    assert meter.start() is (meter.joules() is not None)


def test_energy_is_counted_where_the_kernel_does(monkeypatch) -> None:
    """Unless another place is named."""
    looked = []
    monkeypatch.setattr(Path, "glob", lambda self, _pattern: looked.append(str(self)) or [])
    assert not EnergyMeter().start()
    assert looked == ["/sys/class/powercap"]


def test_a_request_left_without_a_word_counts_in_full_and_by_an_error_not_at_all(clock) -> None:
    """As calls that reserve tokens."""
    energy = EnergyBudget(daily_budget_joules=100, clock=clock)
    with energy.reserve(10) as reserved:
        pass
    reserved.release()
    assert energy.get_status()["spent"]["day"]["spent"] == 10
    with pytest.raises(KeyError), energy.reserve(10):
        raise KeyError
    assert energy.get_status()["spent"]["day"]["spent"] == 10


def test_a_request_without_tokens_used_nothing(clock) -> None:
    """Where nobody says otherwise."""
    assert EnergyBudget(joules_per_token=2, request_budget_joules=10, clock=clock).record() == -100.0


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"joules_per_token": -1}, "`energy_governance.joules_per_token` is `-1`, expected a number of at least 0"),
        ({"joules_per_token": "x"}, "`energy_governance.joules_per_token` is `x`, expected a number of at least 0"),
        ({"request_budget_joules": 0}, "`energy_governance.request_budget_joules` is `0`, expected a number above 0"),
        ({"daily_budget_joules": float("nan")}, "`energy_governance.daily_budget_joules` is `nan`"),
        ({"scenarios": {"a": {"budget": 1}}}, "`energy_governance.scenarios.a.budget` is no setting"),
        (
            {"scenarios": {"a": {"request_budget_joules": 0}}},
            "`energy_governance.scenarios.a.request_budget_joules` is",
        ),
        ({"scenarios": 5}, "`energy_governance.scenarios` is no mapping"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_the_first_request(settings, complaint) -> None:
    """Given in a program as in a file: no request can be measured by nothing."""
    with pytest.raises(InvalidSettings, match=complaint):
        EnergyBudget(**settings)
