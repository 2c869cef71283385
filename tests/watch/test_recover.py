"""`paramedic recover` and its kin: whoever asks, however often, beside whatever dies, it happens exactly once."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from station import IncidentState, Station, until, words

FIELDS = ("risk", "downtime", "blast radius", "verified by", "undo", "approval")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes a station; what it started is ended after the test."""
    made: list[Station] = []

    def build(*sleepers: str, **more: Any) -> Station:
        made.append(Station(tmp_path, *sleepers, **more))
        return made[-1]

    yield build
    for each in made:
        each.stop()


def test_without_a_watch_it_heals_by_itself(make: Any) -> None:
    """Nothing runs but the command: it heals what was named, then the rest, and says when nothing is wrong."""
    station = make("a", "b")
    assert station.run("start").returncode == 0
    station.kill("a"), station.kill("b")
    only = station.run("recover", "a")
    assert only.returncode == 0, words(only)
    assert "healed by `restart-component`" in only.stdout
    assert station.pid("a")
    assert not station.pid("b"), "only what was named"
    rest = station.run("recover", "--format", "json")
    assert rest.returncode == 0, words(rest)
    assert [each["component"] for each in json.loads(rest.stdout)["incidents"]] == ["b"]
    idle = station.run("recover")
    assert (idle.returncode, idle.stdout) == (0, "nothing is wrong that needs recovery\n")
    assert len(station.launches("a")) == len(station.launches("b")) == 2
    station.once()


def test_twice_at_once_without_a_watch(make: Any) -> None:
    """Two commands at the same moment: one heals, both say that all is well."""
    station = make("a")
    assert station.run("start").returncode == 0
    station.kill("a")
    both = [station.begin("recover"), station.begin("recover")]
    assert [each.wait(60) for each in both] == [0, 0], station.told()
    assert len(station.launches("a")) == 2
    station.once()


def test_beside_a_running_watch_and_twice_at_once(make: Any) -> None:
    """The watch does the work, once, whoever else asks for it."""
    station = make("a")
    station.watch()
    station.freeze()
    station.kill("a")
    both = [station.begin("recover"), station.begin("recover")]
    station.asked(2)
    station.signal(signal.SIGCONT)
    assert [each.wait(60) for each in both] == [0, 0], station.told()
    assert station.watching.poll() is None
    assert len(station.launches("a")) == 2
    assert len(station.incidents()) == 1
    station.once()


@pytest.mark.parametrize("point", ["mid-act", "after-done"])  # the others: tests/crash
def test_with_the_watch_killed_in_between(make: Any, point: str) -> None:
    """The watch dies in the middle of the recovery that was asked for: the command takes over where it ended."""
    station = make("a", "b")
    station.watch(PARAMEDIC_FAILPOINT=f"{point}:restart-component")
    other = station.pid("b")
    station.freeze()
    station.kill("a")
    asked = station.begin("recover", "a")
    station.asked(1)
    station.signal(signal.SIGCONT)
    assert station.watching.wait(30) == -signal.SIGKILL, "the failpoint was reached"
    assert asked.wait(60) == 0, station.told()
    assert len(station.launches("a")) == 2
    assert station.pid("b") == other, "what the watch started lives on"
    assert station.incident("a").tried == ("restart-component",)
    station.once()


def test_a_plan_changes_nothing_and_is_run_once_as_it_was_shown(make: Any) -> None:
    """`plan` shows everything that is worth knowing beforehand; `recover --plan` does that and only that."""
    settings = {"kind": "config", "path": "settings.yaml", "required": ["name"]}
    station = make("a", more={"settings": settings})
    good, bad = "name: shop\nvolume: 3\n", "name: [shop\n"
    file = station.folder / "settings.yaml"
    file.write_text(good)
    station.watch()
    until(lambda: any(Path(station.folder, ".paramedic/last-good").rglob("*Z-*")), 20, "a copy is kept")
    station.signal(signal.SIGTERM)
    assert station.watching.wait(30) == 0
    assert station.run("start").returncode == 0
    file.write_text(bad)
    before, pid = station.digests(), station.pid("a")
    shown = station.run("plan")
    assert shown.returncode == 0, words(shown)
    assert (station.digests(), station.pid("a")) == (before, pid)
    assert all(field in shown.stdout for field in FIELDS), shown.stdout
    assert "-name: [shop" in shown.stdout, "the difference"
    assert "+name: shop" in shown.stdout
    (name,) = re.findall(r"^plan (\S+): restore-config on settings$", shown.stdout, re.MULTILINE)
    file.write_text("name: [other\n")
    stale = station.run("recover", "--plan", name)
    assert stale.returncode == 1, words(stale)
    assert "stale" in stale.stderr
    assert file.read_text() == "name: [other\n"
    file.write_text(bad)
    shown = station.run("plan", "settings", "--format", "json")
    (plan,) = json.loads(shown.stdout)["plans"]
    assert station.run("plan", "a").stdout == "nothing is wrong that needs a plan\n"
    done = [station.run("recover", "--plan", plan["id"]) for _ in range(2)]
    assert [each.returncode for each in done] == [0, 1], [words(each) for each in done]
    assert "a plan runs once" in done[1].stderr
    assert file.read_text() == good
    assert [each.id for each in station.plans() if each.state == "verified"] == [plan["id"]]
    assert station.run("recover", "--plan", "plan-of-nobody").returncode == 64
    station.once()


def test_a_plan_for_trouble_that_went_by_itself_is_stale(make: Any) -> None:
    """Nobody runs what is not needed any more, with or without a watch."""
    station = make("a", autonomy="approve")
    assert station.run("start").returncode == 0
    station.kill("a")
    (plan,) = json.loads(station.run("plan", "--format", "json").stdout)["plans"]
    assert station.run("start", "a").returncode == 0
    pid = station.pid("a")
    for verb in (("recover", "--plan"), ("approve",)):
        refused = station.run(*verb, plan["id"])
        assert refused.returncode == 1, words(refused)
        assert "stale" in refused.stderr, refused.stderr
    assert station.pid("a") == pid
    assert station.incident("a").why == "the trouble went by itself"
    assert [each.state for each in station.plans()] == ["stale"]


def test_where_recovery_differs_from_the_plan_that_was_shown_it_says_why(make: Any) -> None:
    """The cause changed in between: the command and the timeline tell it; a plan alone explains itself, too."""
    station = make("a")
    station.write({"a": station.sleeper("a", depends_on=["b"]), "b": station.sleeper("b")})
    assert station.run("start").returncode == 0
    station.kill("a")
    (shown,) = json.loads(station.run("plan", "--format", "json").stdout)["plans"]
    (incident,) = station.incidents()
    assert incident.suspects[0].component == "a"
    assert incident.why == "`restart-component` is planned, and runs when somebody asks for it"
    assert f"paramedic recover --plan {shown['id']}" in " ".join(
        station.run("incidents", "show", incident.id).stdout.split()
    )
    station.kill("b")
    done = station.run("recover")
    assert done.returncode == 0, words(done)
    differs = f"{shown['id']} restart-component on a is not what was done: it is about `process.exited` on `a`, and the"
    assert differs in " ".join(done.stdout.split()), words(done)
    assert (
        "restart-component on a was planned before"
        in station.run("incidents", "show", incident.id, COLUMNS="300").stdout
    )
    station.kill("a")
    assert station.run("plan").returncode == 0
    done = station.run("recover")
    assert (done.returncode, "not what was done" in done.stdout) == (0, False), "it is just what was planned"
    station.once()


def test_what_is_left_after_an_approved_plan_is_told(make: Any) -> None:
    """Without a watch nothing goes on by itself: the command says so, and how it goes on; then it does."""
    station = make("a", autonomy="approve")
    assert station.run("start").returncode == 0
    station.kill("a")
    (plan,) = json.loads(station.run("recover", "--json").stdout)["incidents"]
    gone = {"kind": "process", "process": {"command": [sys.executable, "-c", "raise SystemExit(3)"]}}
    station.write({"a": gone}, autonomy="approve")
    ran = station.run("approve", plan["plan"], PARAMEDIC_STEP_TRIES_P1="1")
    assert (ran.returncode, station.incident("a", IncidentState.OPEN).id) == (1, plan["id"])
    told = " ".join(ran.stdout.split())
    assert f"{plan['id']} is still open and nobody watches: nothing else is tried and nobody is called" in told
    assert "hint: `paramedic recover a` goes on with it once, `paramedic watch` from now on" in told
    assert station.run("recover", "a", PARAMEDIC_STEP_TRIES_P1="1").returncode == 1
    assert station.incident("a", IncidentState.ESCALATED, IncidentState.WAITING).id == plan["id"]


def test_each_step_of_the_autonomy_ladder(make: Any) -> None:
    """Observe calls people, suggest and approve wait for them, auto heals; approvals and refusals count once."""
    ladder = ("observe", "suggest", "approve", "auto")
    station = make(*ladder)
    station.write({name: station.sleeper(name, autonomy=name) for name in ladder})
    station.watch()
    for name in ladder:
        station.kill(name)
    station.incident("observe", IncidentState.ESCALATED)
    station.incident("auto", IncidentState.RESOLVED)
    suggested = station.incident("suggest", IncidentState.WAITING)
    waiting = station.incident("approve", IncidentState.WAITING)
    asked = station.run("recover", "approve")
    assert asked.returncode == 1, "people are needed"
    assert f"hint: paramedic approve {waiting.plan}" in asked.stdout
    assert [station.run(verb, "plan-nobody").returncode for verb in ("approve", "reject")] == [64, 64]
    approved = [station.run("approve", str(waiting.plan)) for _ in range(2)]
    assert [each.returncode for each in approved] == [0, 1], [words(each) for each in approved]
    assert "a plan runs once" in approved[1].stderr
    assert len(station.launches("approve")) == 2
    rejected = station.run("reject", str(suggested.plan), "--reason", "not now")
    assert rejected.returncode == 0, words(rejected)
    gone = station.incident("suggest", IncidentState.ESCALATED)
    assert "not now" in gone.why
    for verb in ("reject", "approve"):
        again = station.run(verb, str(suggested.plan))
        assert again.returncode == 1, words(again)
        assert "is rejected" in again.stderr
    assert not station.pid("suggest")
    assert not station.pid("observe")
    station.once()


def test_a_pause_holds_everything_back_until_resume(make: Any) -> None:
    """Paused, trouble is found and waits; afterwards it heals without another word, the attempts of before counting."""
    station = make("a", "b")
    station.write({"a": station.sleeper("a"), "b": station.sleeper("b", autonomy="approve")})
    assert station.run("pause").returncode == 0, "also without a watch"
    station.watch()
    station.kill("a"), station.kill("b")
    paused = station.incident("a", IncidentState.WAITING)
    assert paused.why == "`restart-component` waits: automation is paused"
    station.incident("b", IncidentState.WAITING)
    assert station.run("approve", str(paused.plan)).returncode == 0, "a person may still agree"
    station.kill("a")
    until(lambda: station.incident("a", IncidentState.WAITING).id != paused.id, 30, "the next one waits, too")
    assert station.run("resume").returncode == 0
    station.incident("a", IncidentState.RESOLVED)
    assert station.incident("b", IncidentState.WAITING).plan, "it waits for another reason"
    assert not station.pid("b")
    station.once()


def test_automatic_recovery_can_be_switched_off(make: Any) -> None:
    """AUTO_RECOVERY_ENABLED=false: found, told, and left alone; a person's own plan still runs."""
    station = make("a")
    assert station.run("start").returncode == 0
    station.kill("a")
    left = station.run("recover", AUTO_RECOVERY_ENABLED="false")
    assert left.returncode == 1, words(left)
    assert "automatic recovery is switched off" in " ".join(left.stdout.split())
    assert not station.pid("a")
    assert station.run("recover").returncode == 0, "asked again where it is on, earlier refusals do not count"
    assert station.pid("a")
