"""Feature flags: who decides, and for whom."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paramedic.guard import FeatureFlags, flag_file, get_feature_flags, reset_feature_flags
from paramedic.guard import flags as module
from paramedic.guard.flags import BASELINE, share
from paramedic.guard.testing import ManualClock, flags_set
from paramedic.guard.watcher import WATCHER

FILE = Path("config/overlay_feature_flags.yaml")


def write(text: str) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.with_suffix(".new").write_text(text)
    FILE.with_suffix(".new").replace(FILE)


def on(flags, *names):
    return [flags.is_enabled(each) for each in names]


def test_the_file_decides() -> None:
    """True, false, mappings; what it does not name is off."""
    write("overlays:\n  a: true\n  b: false\n  c: {enabled: true}\n  d: {enabled: false}\n  e: {}\n")
    flags = FeatureFlags()
    assert on(flags, "a", "b", "c", "d", "e", "unknown") == [True, False, True, False, True, False]
    assert flags.active() == ["a", "c", "e"]
    assert flags.validate_config() == []
    assert (flags.knows("b"), flags.knows("unknown")) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "a: true",
        "flags:\n  a: true",
        "feature_flags:\n  a: true\nversion: 1",
        '{"overlays": {"a": true}}',
        "overlays:\n  a: true\n  flags: {enabled: false}",
        "version: 2\na: true",
    ],
)
def test_the_file_has_more_than_one_shape(text) -> None:
    """Names may stand under a heading or at the top."""
    write(text)
    flags = FeatureFlags()
    assert flags.active() == ["a"]
    assert flags.validate_config() == []


def test_the_environment_wins(monkeypatch) -> None:
    """Unset lets the file decide, empty turns all off, a list exactly those on, from one call to the next."""
    write("a: true\nb: {rollout_percent: 0}\nc: {enabled: false, expires: 2000-01-01}\n")
    flags = FeatureFlags()
    assert flags.active() == ["a"]
    monkeypatch.setenv("RESON_FEATURES", "")
    assert on(flags, "a", "b", "c") == [False, False, False]
    assert flags.active() == []
    monkeypatch.setenv("RESON_FEATURES", " b, c ,,new")
    assert on(flags, "a", "b", "c", "new", "") == [False, True, True, True, False]
    assert flags.active() == ["b", "c", "new"]
    assert flags.report()["decided_by"] == "RESON_FEATURES"
    monkeypatch.delenv("RESON_FEATURES")
    assert on(flags, "a", "b", "c") == [True, False, False]
    assert flags.report()["decided_by"] == "file"
    monkeypatch.setattr(module, "_VARIABLES", None)
    monkeypatch.setenv("RESON_FEATURES", "b")
    assert on(flags, "a", "b") == [False, True]
    monkeypatch.delenv("RESON_FEATURES")
    assert on(flags, "a", "b") == [True, False]


def test_what_the_environment_names_is_known(monkeypatch) -> None:
    """It decides about every name, as soon as it is there; bytes that are no text keep nobody from being on."""
    flags = FeatureFlags({"a": True})
    assert not flags.knows("x")
    monkeypatch.setitem(os.environb, b"RESON_FEATURES", b"x,\xff")
    assert (flags.knows("x"), flags.knows("a"), flags.knows("b")) == (True, True, True)
    assert on(flags, "x", "a", "b") == [True, False, False]


def test_all_that_is_wrong_is_told_together() -> None:
    """In one event, and in the report."""
    heard = []
    flags = FeatureFlags({"a": 1, "b": 2}, listener=heard.append)
    both = "; ".join(map(str, flags.validate_config()))
    assert both.count("`a` is `1`") == both.count("`b` is `2`") == 1
    assert [each.because for each in heard] == [flags.report()["trouble"]] == [both]


def test_an_override_wins_over_both(monkeypatch) -> None:
    """Until it is lifted."""
    flags = FeatureFlags({"a": True, "b": False})
    heard = []
    flags.listen(lambda event: heard.append((event.kind, event.because)))
    flags.override("a", False)
    flags.override("b", True)
    flags.override("c", True)
    assert on(flags, "a", "b", "c") == [False, True, True]
    monkeypatch.setenv("RESON_FEATURES", "a")
    assert on(flags, "a", "b", "c") == [False, True, True]
    flags.override("a", None)
    flags.override("a", None)
    assert on(flags, "a") == [True]
    assert heard == [
        ("overridden", "`a` is off"),
        ("overridden", "`b` is on"),
        ("overridden", "`c` is on"),
        ("overridden", "`a` is decided by file and environment"),
        ("overridden", "`a` is decided by file and environment"),
    ]


def test_in_the_emergency_everything_is_off() -> None:
    """Overrides, too; and afterwards as it was."""
    flags = FeatureFlags({"a": True, "b": False})
    flags.override("b", True)
    heard = []
    flags.listen(lambda event: heard.append((event.kind, event.because)))
    flags.emergency_baseline()
    assert flags.active() == []
    assert on(flags, "a", "b") == [False, False]
    assert flags.report()["decided_by"] == "baseline"
    flags.emergency_baseline(active=False)
    assert flags.active() == ["a", "b"]
    assert heard == [("baseline", "everything is off"), ("baseline", "file and environment decide again")]
    assert FeatureFlags(BASELINE).active() == []
    assert FeatureFlags(BASELINE).validate_config() == []


def test_a_share_of_keys_is_stable() -> None:
    """The same in every process and release, independent between flags, growing only."""
    assert [share("rollback_first", each) for each in ("user-1", "user-2", "", "ü", "\ud800")] == [
        5108,
        4171,
        575,
        6571,
        2059,
    ]
    keys = [f"user-{number}" for number in range(4000)]
    part = {
        percent: {key for key in keys if FeatureFlags({"x": {"rollout_percent": percent}}).is_enabled("x", key)}
        for percent in (10, 50)
    }
    assert part[10] < part[50]
    assert abs(len(part[10]) / 4000 - 0.1) < 0.02
    assert abs(len(part[50]) / 4000 - 0.5) < 0.03
    other = {key for key in keys if share("y", key) < 5000}
    assert abs(len(other & part[50]) / len(part[50]) - 0.5) < 0.04


def test_a_flag_does_not_know_keys_without_end(monkeypatch) -> None:
    """Answers are the same whether they are known or not, and knowing them takes bounded memory."""
    monkeypatch.setattr(flag_file, "KNOWN_KEYS", 10)
    flags = FeatureFlags({"half": {"rollout_percent": 50}})
    keys = [f"user-{number}" for number in range(25)]
    first = [flags.is_enabled("half", key) for key in keys]
    assert len(flags._flags["half"].known) == 5
    assert [flags.is_enabled("half", key) for key in keys] == first
    assert first == [share("half", key) < 5000 for key in keys]
    assert {True, False} == set(first)
    assert all(flags.is_enabled("half", keys[-1]) is first[-1] for _ in range(3))
    assert len(flags._flags["half"].known) <= 10
    monkeypatch.setattr(flag_file.Flag, "place", None)
    assert flags.is_enabled("half", keys[-1]) is first[-1]  # what is known is not worked out again


def test_a_share_needs_a_key_unless_it_is_everybody() -> None:
    """It may stand in the context; nobody and everybody need none; the edge is exact."""
    flags = FeatureFlags(
        {"half": {"rollout_percent": 50}, "none": {"rollout_percent": 0}, "all": {"rollout_percent": 100}}
    )
    key = next(f"k{number}" for number in range(99) if share("half", f"k{number}") < 5000)
    assert flags.is_enabled("half", key)
    assert flags.is_enabled("half", context={"key": key})
    assert flags.is_enabled("half") is False
    assert not flags.is_enabled("half", context={})
    assert on(flags, "none", "all") == [False, True]
    assert flags.active() == ["all", "half"]
    at = share("edge", "k")
    for percent, wanted in ((at / 100, False), ((at + 1) / 100, True)):
        assert FeatureFlags({"edge": {"rollout_percent": percent}}).is_enabled("edge", "k") is wanted
    assert not FeatureFlags({"most": {"rollout_percent": 99.99}}).is_enabled("most")
    few = FeatureFlags({"few": {"rollout_percent": 1}})
    assert 50 < sum(few.is_enabled("few", f"user-{number}") for number in range(10_000)) < 150
    assert share("\ud800", "broken client") < 10_000


def test_categories_and_complexity_limit_a_flag() -> None:
    """Where the context does not tell, it is off."""
    flags = FeatureFlags(
        {
            "c": {"categories": ["x", "y"]},
            "m": {"min_complexity": 0.5},
            "both": {"categories": ["x"], "min_complexity": 0.5},
            "zero": {"min_complexity": 0},
        }
    )
    assert flags.is_enabled("c", context={"category": "y"})
    assert not flags.is_enabled("c", context={"category": "z"})
    assert not flags.is_enabled("c", context={})
    assert not flags.is_enabled("c")
    assert flags.is_enabled("m", context={"complexity": 0.5})
    assert not flags.is_enabled("m", context={"complexity": 0.49})
    assert not flags.is_enabled("m", context={"complexity": "high"})
    assert not flags.is_enabled("m")
    assert flags.is_enabled("both", context={"category": "x", "complexity": 0.5})
    assert not flags.is_enabled("both", context={"category": "x", "complexity": 0})
    assert not flags.is_enabled("both", context={"category": "y", "complexity": 1})
    assert on(flags, "zero") == [True]


def test_a_flag_expires(clock) -> None:
    """From the start of that day on, UTC, or at that moment."""
    midnight = datetime(2023, 11, 15, tzinfo=UTC).timestamp()
    write(
        "a: {expires: 2023-11-15}\nb: {expires: '2023-11-15'}\nc: {expires: 2023-11-14T22:13:21Z}\nd: {expires: '2023-11-15T01:00:00+01:00'}\n"
    )
    flags = FeatureFlags(clock=clock)
    assert flags.validate_config() == []
    assert flags.active() == ["a", "b", "c", "d"]
    clock.advance(1)
    assert on(flags, "a", "c") == [True, False]
    clock.advance(midnight - clock.wall() - 1)
    assert on(flags, "a", "b", "d") == [True, True, True]
    clock.advance(1)
    assert on(flags, "a", "b", "d") == [False, False, False]
    assert flags.active() == []
    assert FeatureFlags({"x": {"expires": date(2023, 11, 16)}}, clock=clock).active() == ["x"]


PROBLEMS = """overlays:
  a: {enabled: "yes"}
  b:
    enabled: true
    rollout_percent: 120
  c: 3
  d: {categories: x, min_complexity: 2, expires: soon}
  e: {rollout: 5}
  f: {categories: [1]}
  g: {rollout_percent: true, min_complexity: -0.1, expires: 5}
  rolback_first: true
  zzz: true
beside: 1
"""


def test_every_problem_is_shown_with_its_line() -> None:
    """All at once; and a flag with a problem is off."""
    write(PROBLEMS)
    flags = FeatureFlags(overlays=["a", "b", "c", "d", "e", "f", "g", "rollback_first"])
    likely = "one that does; did you mean `rollback_first`?"
    known = "one of a, b, c, d, e, f, g, rollback_first"
    assert [(each.line, each.where, each.observed, each.expected) for each in flags.validate_config()] == [
        (13, "beside", "is no setting", "`overlays`"),
        (2, "overlays.a.enabled", "is `yes`", "true or false"),
        (5, "overlays.b.rollout_percent", "is `120`", "a number from 0 to 100"),
        (6, "overlays.c", "is `3`", "true, false, or a mapping with `enabled`"),
        (7, "overlays.d.categories", "is `x`", "a list of category names"),
        (7, "overlays.d.min_complexity", "is `2`", "a number from 0 to 1"),
        (7, "overlays.d.expires", "is `soon`", "a date such as 2027-06-30"),
        (8, "overlays.e.rollout", "is no setting of a flag", "one that does; did you mean `rollout_percent`?"),
        (9, "overlays.f.categories", "is `[1]`", "a list of category names"),
        (10, "overlays.g.rollout_percent", "is `True`", "a number from 0 to 100"),
        (10, "overlays.g.min_complexity", "is `-0.1`", "a number from 0 to 1"),
        (10, "overlays.g.expires", "is `5`", "a date such as 2027-06-30"),
        (11, "overlays.rolback_first", "names an overlay that does not exist", likely),
        (12, "overlays.zzz", "names an overlay that does not exist", known),
    ]
    assert (
        str(flags.validate_config()[2])
        == "line 5: `overlays.b.rollout_percent` is `120`, expected a number from 0 to 100"
    )
    assert flags.active() == ["rolback_first", "zzz"]


@pytest.mark.parametrize(
    ("text", "line", "observed"),
    [
        ("- a\n- b", 1, "is `['a', 'b']`"),
        ("just words", 1, "is `just words`"),
        ("x" * 40, 1, f"is `{'x' * 40}`"),
        ("x" * 41, 1, f"is `{'x' * 39}…`"),
    ],
)
def test_a_file_that_holds_no_flags_is_one_problem(text, line, observed) -> None:
    """With its line."""
    write(text)
    (problem,) = FeatureFlags().validate_config()
    assert (problem.line, problem.where, problem.observed) == (line, "overlays", observed)
    assert problem.expected == "a mapping of overlay names to their flags"


def test_the_overlays_of_the_service_are_known() -> None:
    """By their files, where there are any."""
    write("a: true\nb: true")
    assert FeatureFlags().validate_config() == []
    Path("configs/fusion/micro_overlays").mkdir(parents=True)
    assert FeatureFlags().validate_config() == []
    Path("configs/fusion/micro_overlays/a.txt").write_text("")
    assert [each.where for each in FeatureFlags().validate_config()] == ["b"]
    assert FeatureFlags(overlays=["a", "b"]).validate_config() == []
    assert [each.expected for each in FeatureFlags(overlays=[]).validate_config()] == ["one of none"] * 2


def test_a_missing_file_turns_nothing_on_and_says_so() -> None:
    """It may come later."""
    heard = []
    flags = FeatureFlags(listener=lambda event: heard.append((event.kind, event.because)))
    assert flags.active() == []
    assert str(flags.validate_config()[0]) == "`overlay_feature_flags.yaml` is missing, expected a file of flags"
    assert heard == [("invalid", str(flags.validate_config()[0]))]
    write("a: true")
    flags.tick()
    assert flags.active() == ["a"]
    assert heard[1:] == [("valid", ""), ("changed", "`overlay_feature_flags.yaml` was read again")]
    FILE.unlink()
    flags.tick()
    assert flags.active() == []


def test_a_changed_file_is_taken_over_and_a_broken_one_is_not() -> None:
    """The last good one holds, and the trouble is told once."""
    heard = []
    write("a: true")
    flags = FeatureFlags(listener=lambda event: heard.append(event.kind))
    flags.tick()
    assert heard == []
    write("b: true")
    flags.tick()
    assert flags.active() == ["b"]
    assert heard == ["changed"]
    write("b: [")
    flags.tick()
    flags.tick()
    assert flags.active() == ["b"]
    assert heard == ["changed", "invalid", "changed"]
    assert "cannot be parsed" in flags.report()["trouble"]
    write("c: true")
    flags.tick()
    assert flags.active() == ["c"]
    assert flags.report()["trouble"] == ""
    FILE.unlink()
    FILE.mkdir()
    flags.reload()
    assert flags.active() == ["c"]
    assert flags.report()["trouble"] == (
        "`overlay_feature_flags.yaml` cannot be read: Is a directory, expected a readable file"
    )


def test_without_a_parser_for_yaml_switches_and_json_work(monkeypatch) -> None:
    """So does the file for the emergency; for what needs a parser the problem names the extra."""
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    write("a: {rollout_percent: 10}")
    (problem,) = FeatureFlags().validate_config()
    assert "paramedic[guard]" in problem.observed
    assert (problem.where, problem.expected) == ("overlay_feature_flags.yaml", "JSON, or the parser for YAML")
    write('{"a": true}')
    assert FeatureFlags().active() == ["a"]
    write("overlays:\n  b: true\n  c: false\n")
    assert FeatureFlags().active() == ["b"]
    write(BASELINE.read_text())
    assert FeatureFlags().active() == FeatureFlags().validate_config() == []


def test_orders_from_outside_are_obeyed() -> None:
    """Each does what its method does."""
    write("a: true")
    flags = FeatureFlags()
    assert flags.obey("disable", {"flag": "a"}) == "done"
    assert flags.active() == []
    assert flags.obey("enable", {"flag": "b"}) == "done"
    assert flags.active() == ["b"]
    assert flags.obey("clear", {"flag": "a"}) == "done"
    assert flags.active() == ["a", "b"]
    assert flags.obey("baseline", {}) == "done"
    assert flags.active() == []
    assert flags.obey("baseline", {"active": False}) == "done"
    write("c: true")
    assert flags.obey("reload", {}) == "done"
    assert flags.active() == ["b", "c"]
    assert flags.obey("wave", {}) == "refused: flags know no `wave`"


def test_the_report_counts_what_was_asked() -> None:
    """Through reloads and overrides."""
    flags = FeatureFlags({"a": True, "b": False})
    on(flags, "a", "a", "b", "unknown")
    flags.override("a", False)
    on(flags, "a")
    assert flags.report() == {
        "active": [],
        "decided_by": "file",
        "overrides": {"a": False},
        "file": None,
        "trouble": "",
        "known": ["a", "b"],
        "evaluations": {"a": 3, "b": 1},
    }
    write("a: true")
    assert FeatureFlags().report()["file"] == str(FILE.absolute())


def test_the_instance_of_the_process() -> None:
    """One, until it is forgotten."""
    write("a: true")
    Path("other.json").write_text('{"b": true}')
    one = get_feature_flags()
    assert get_feature_flags("other.json") is one
    assert one.active() == ["a"]
    reset_feature_flags()
    assert get_feature_flags("other.json").active() == ["b"]


def test_flags_are_set_for_a_test() -> None:
    """And left as they were."""
    flags = FeatureFlags({"a": True, "b": False})
    with flags_set(flags, a=False, b=True, c=True) as same:
        assert same is flags
        assert flags.active() == ["b", "c"]
    assert flags.active() == ["a"]


def test_a_real_program_reads_its_environment() -> None:
    """Set before the start and changed by the program itself."""
    program = (
        "import os; from paramedic.guard import get_feature_flags as g; print(g().is_enabled('a'));"
        "os.environ['RESON_FEATURES'] = ''; print(g().is_enabled('a')); del os.environ['RESON_FEATURES']; print(g().is_enabled('a'))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"RESON_FEATURES": "a,b"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["True", "False", "False"]


def test_after_a_fork_no_lock_is_held() -> None:
    """And the child is watched anew."""
    flags = FeatureFlags({"a": True})
    on(flags, "a")
    flags._lock.acquire()
    flags.forked()
    assert not flags._watched
    assert on(flags, "a") == [True]
    assert flags._watched


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_the_file_is_flags_or_problems(content) -> None:
    """Never an exception."""
    Path("any.json").write_text(json.dumps(content))
    flags = FeatureFlags("any.json")
    assert isinstance(flags.validate_config(), list)
    assert isinstance(flags.active(), list)


class Flags(RuleBasedStateMachine):
    """File, environment, overrides and the emergency in any order, beside the rule that says who wins."""

    NAMES = ("a", "b", "c")

    @initialize()
    def build(self) -> None:
        self.clock = ManualClock()
        os.environ.pop("RESON_FEATURES", None)
        self.file, self.env, self.overrides, self.baseline = {}, None, {}, False
        write("{}")
        self.flags = FeatureFlags(clock=self.clock)

    @rule(file=st.dictionaries(st.sampled_from(NAMES), st.booleans()))
    def write_file(self, file) -> None:
        write(json.dumps({"overlays": file}))
        self.flags.tick()
        self.file = file

    @rule()
    def break_file(self) -> None:
        write("{")
        self.flags.tick()

    @rule(env=st.none() | st.lists(st.sampled_from(NAMES)))
    def set_environment(self, env) -> None:
        self.env = env
        if env is None:
            os.environ.pop("RESON_FEATURES", None)
        else:
            os.environ["RESON_FEATURES"] = ",".join(env)

    @rule(name=st.sampled_from(NAMES), wanted=st.none() | st.booleans())
    def override(self, name, wanted) -> None:
        self.flags.override(name, wanted)
        if wanted is None:
            self.overrides.pop(name, None)
        else:
            self.overrides[name] = wanted

    @rule(active=st.booleans())
    def emergency(self, active) -> None:
        self.flags.emergency_baseline(active)
        self.baseline = active

    @rule(hours=st.sampled_from([-1, 1]))
    def step_the_wall_clock(self, hours) -> None:
        self.clock.step_wall(hours * 3600)

    def wanted(self, name) -> bool:
        if self.baseline:
            return False
        if name in self.overrides:
            return self.overrides[name]
        return self.file.get(name, False) if self.env is None else name in self.env

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "flags"):
            return
        assert on(self.flags, *self.NAMES) == [self.wanted(each) for each in self.NAMES]
        assert self.flags.active() == [each for each in self.NAMES if self.wanted(each)]

    def teardown(self) -> None:
        os.environ.pop("RESON_FEATURES", None)


TestFlags = Flags.TestCase
TestFlags.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_flags_that_are_forgotten_are_not_looked_after() -> None:
    """What nobody asks any more is not shown as if it decided."""
    flags = get_feature_flags()
    flags.is_enabled("a")
    assert flags in WATCHER.guards()
    reset_feature_flags()
    assert flags not in WATCHER.guards()


@pytest.mark.parametrize(
    "ask", [lambda flags: flags.is_enabled("a"), lambda flags: flags.knows("a"), lambda flags: flags.active() == ["a"]],
    ids=["enabled", "known", "active"],
)  # fmt: skip
def test_any_question_is_answered_by_the_environment_of_now(monkeypatch, ask) -> None:
    """And has the flags looked after from then on."""
    flags = FeatureFlags({})
    assert flags not in WATCHER.guards()
    assert not ask(flags)
    assert flags in WATCHER.guards()
    monkeypatch.setenv("RESON_FEATURES", "a")
    assert ask(flags)


def test_a_flag_remembers_a_bounded_number_of_keys() -> None:
    """However many ask, and the answers stay what they are."""
    flag = flag_file.Flag("x", rollout_percent=50)
    answers = [flag.is_for(str(number)) for number in range(4096)]
    assert len(flag.known) == 4096
    flag.is_for("one more")
    assert list(flag.known) == ["one more"]
    assert [flag.is_for(str(number)) for number in range(100)] == answers[:100]


def test_an_answer_is_yes_or_no(clock) -> None:
    """Whatever the reason: what is kept or sent of it is a boolean."""
    given = {"share": {"rollout_percent": 50}, "some": {"categories": ["x"]}, "hard": {"min_complexity": 0.5}}
    flags = FeatureFlags(given | {"old": {"expires": "2001-01-01"}, "on": True}, clock=clock)
    for name in ("share", "some", "hard", "old", "unknown"):
        assert flags.is_enabled(name) is False
    assert flags.is_enabled("on") is True


def test_a_key_may_be_a_number_or_the_like() -> None:
    """It is in the share that its text is in."""
    flags = FeatureFlags({"x": {"rollout_percent": 50}})
    keys = [*range(50), uuid.UUID(int=5), 1.5]
    assert [flags.is_enabled("x", each) for each in keys] == [flags.is_enabled("x", str(each)) for each in keys]


def test_a_complexity_that_is_no_number_is_not_enough() -> None:
    """As one that is not told."""
    flags = FeatureFlags({"x": {"min_complexity": 0.4}})
    assert [flags.is_enabled("x", context={"complexity": each}) for each in (float("nan"), "0.9", 0.4)] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("'true'", "is `'true'`, expected true, false"),
        ("{enabled: 'false'}", "is `'false'`, expected true or false"),
        ("{rollout_percent: '50'}", "is `'50'`, expected a number from 0 to 100"),
    ],
)
def test_a_value_in_quotes_is_shown_in_quotes(tmp_path, written, told) -> None:
    """Else what is written would look like what is expected."""
    path = tmp_path / "f.yaml"
    path.write_text(f"overlays: {{a: {written}}}")
    (problem,) = FeatureFlags(path).validate_config()
    assert told in str(problem)


def test_the_report_names_every_flag(monkeypatch) -> None:
    """Those of the file too that something else has switched off."""
    flags = FeatureFlags({"a": True, "b": False})
    flags.override("c", False)
    monkeypatch.setenv("RESON_FEATURES", "d")
    assert flags.is_enabled("d")
    assert flags.report()["known"] == ["a", "b", "c", "d"]
