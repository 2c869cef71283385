"""The tripwire and what it keeps."""

import json
import shutil
import stat
import threading
from pathlib import Path

import pytest

from paramedic.guard import (
    BudgetExhausted,
    BudgetTripwire,
    get_budget_tripwire,
    get_tripwire,
    listen,
    reset_tripwire_instance,
    state_file,
)
from paramedic.guard import tripwire as module
from paramedic.guard.watcher import WATCHER

FILE = ".fusion_tripwire_state.json"


@pytest.fixture
def tripwire(clock):
    return BudgetTripwire(clock=clock)


def on_disk():
    return json.loads(Path(FILE).read_text())


def use(tripwire, *deltas):
    return [tripwire.record(100 + delta, 100) for delta in deltas]


def kinds(tripwire):
    heard = []
    tripwire.listen(lambda event: heard.append((event.kind, event.because)))
    return heard


def test_record_gives_the_difference_in_percent(tripwire) -> None:
    """Above and below the baseline."""
    assert use(tripwire, 5, -20, 0) == [5.0, -20.0, 0.0]
    assert tripwire.record(0, 50) == -100.0
    assert tripwire.used == 285
    assert not Path(FILE).exists()


def test_the_third_breach_running_downgrades(tripwire) -> None:
    """Twelve percent is none yet; a use within budget starts the count anew."""
    heard = kinds(tripwire)
    use(tripwire, 13, 13, 12, 13, 13)
    assert not tripwire.downgrade_active
    use(tripwire, 12.5)
    assert tripwire.downgrade_active
    assert tripwire.breaches == 5
    assert heard[-2:] == [("breach", "12.5 % over the baseline (above)"), ("downgraded", "3 breaches running")]
    assert [kind for kind, _ in heard] == ["breach"] * 5 + ["downgraded"]
    use(tripwire, 25, 26)
    assert [because for _, because in heard[-2:]] == [
        "25.0 % over the baseline (above)",
        "26.0 % over the baseline (critical)",
    ]
    assert heard[-1][0] == "breach"


def test_status_and_file_have_the_keys_of_the_contract(tripwire, clock) -> None:
    """With the time of every breach."""
    use(tripwire, 20, 20)
    clock.advance(1)
    use(tripwire, 30)
    clock.advance(1)
    use(tripwire, 40)
    first, second, third = "2023-11-14T22:13:20+00:00", "2023-11-14T22:13:21+00:00", "2023-11-14T22:13:22+00:00"
    breaches = [
        {"timestamp": first, "token_delta": 20.0},
        {"timestamp": first, "token_delta": 20.0},
        {"timestamp": second, "token_delta": 30.0},
        {"timestamp": third, "token_delta": 40.0},
    ]
    assert tripwire.get_status() == {
        "downgrade_active": True,
        "consecutive_breaches": 4,
        "breach_threshold": 12.0,
        "last_breach_timestamp": third,
        "downgrade_activated_at": second,
        "recent_breaches": breaches,
    }
    assert on_disk() == {
        "consecutive_breaches": 4,
        "last_breach_timestamp": third,
        "downgrade_active": True,
        "downgrade_activated_at": second,
        "breach_history": breaches,
        "spending": {"day": 0, "scopes": {}},
    }


def test_it_lifts_after_a_cool_down_within_budget(tripwire, clock) -> None:
    """Counted from the last breach; the first use within budget after it lifts."""
    heard = kinds(tripwire)
    use(tripwire, 20, 20, 20)
    clock.advance(200)
    use(tripwire, 20)
    clock.advance(299)
    use(tripwire, 0)
    assert tripwire.downgrade_active
    assert tripwire.get_status()["consecutive_breaches"] == 4
    clock.advance(1)
    use(tripwire, 0)
    assert not tripwire.downgrade_active
    assert heard[-1] == ("lifted", "within budget for 300 s")
    assert on_disk()["downgrade_active"] is False
    assert on_disk()["downgrade_activated_at"] is None
    assert on_disk()["consecutive_breaches"] == 0
    assert len(on_disk()["breach_history"]) == 4
    use(tripwire, 20)
    assert not tripwire.downgrade_active


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_wall_clock_does_not_shorten_the_cool_down(tripwire, clock, hours) -> None:
    """Only time that passed counts."""
    use(tripwire, 20, 20, 20)
    clock.step_wall(hours * 3600)
    clock.advance(299)
    use(tripwire, 0)
    assert tripwire.downgrade_active
    clock.advance(1)
    use(tripwire, 0)
    assert not tripwire.downgrade_active


def test_reset_lifts_it_and_says_whether_it_was_active(tripwire) -> None:
    """And forgets the running breaches."""
    heard = kinds(tripwire)
    use(tripwire, 20, 20, 20)
    assert tripwire.reset_downgrade() == {"was_active": True, "reset": True}
    assert heard[-1] == ("lifted", "reset")
    assert tripwire.reset_downgrade() == {"was_active": False, "reset": True}
    assert heard[-1] == ("lifted", "reset")
    assert len(heard) == 5
    assert on_disk()["consecutive_breaches"] == 0
    use(tripwire, 20, 20)
    assert not tripwire.downgrade_active
    tripwire.reset_downgrade()
    use(tripwire, 20, 20)
    assert not tripwire.downgrade_active


def test_a_restart_goes_on_where_it_was(tripwire, clock) -> None:
    """Running breaches, the downgrade, and what was left of the cool-down."""
    use(tripwire, 20, 20)
    again = BudgetTripwire(clock=clock)
    use(again, 20)
    assert again.downgrade_active
    clock.advance(200)
    third = BudgetTripwire(clock=clock)
    clock.advance(99)
    use(third, 0)
    assert third.downgrade_active
    clock.advance(1)
    use(third, 0)
    assert not third.downgrade_active
    use(third, 20, 20, 20)
    clock.step_wall(-3600)
    fourth = BudgetTripwire(clock=clock)
    clock.advance(300)
    use(fourth, 0)
    assert not fourth.downgrade_active


def test_two_processes_share_one_count(tripwire, clock) -> None:
    """Each reads what the other wrote before it adds its own."""
    other = BudgetTripwire(clock=clock)
    use(tripwire, 20)
    use(other, 20)
    use(tripwire, 20)
    assert tripwire.downgrade_active
    other.tick()
    assert other.downgrade_active
    other.reset_downgrade()
    tripwire.tick()
    assert not tripwire.downgrade_active
    use(tripwire, 0)
    assert on_disk()["consecutive_breaches"] == 0


def test_history_and_recent_breaches_are_bounded(tripwire) -> None:
    """A hundred are kept, the last ten shown."""
    use(tripwire, *range(13, 13 + 120))
    assert [round(each["token_delta"]) for each in on_disk()["breach_history"]] == list(range(33, 133))
    assert [round(each["token_delta"]) for each in tripwire.get_status()["recent_breaches"]] == list(range(123, 133))


@pytest.mark.parametrize(
    ("tokens", "baseline"),
    [(-1, 10), (10, 0), (10, -1), (float("nan"), 10), (10, float("nan")), (float("inf"), 1), (1, float("inf"))],
)
def test_what_is_no_use_is_refused(tripwire, tokens, baseline) -> None:
    """A baseline of nothing has no percent."""
    with pytest.raises(ValueError, match="`tokens` is at least 0 and `baseline_tokens` more than 0"):
        tripwire.record(tokens, baseline)
    assert tripwire.used == 0


def test_an_absurd_delta_is_kept_as_a_number(tripwire) -> None:
    """JSON has no infinity."""
    tripwire.record(1e300, 5e-324)
    assert on_disk()["breach_history"][0]["token_delta"] == 1e12


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"breach_threshold": -1}, "`breach_threshold`"),
        ({"breach_threshold": 26}, "`breach_threshold`"),
        ({"critical_threshold": float("inf")}, "`breach_threshold`"),
        ({"consecutive_breaches": 0}, "`consecutive_breaches` is at least 1, a whole number, not `0`$"),
        ({"consecutive_breaches": float("nan")}, "`consecutive_breaches` is at least 1, a whole number, not `nan`$"),
        ({"breach_threshold": "12"}, "`breach_threshold`"),
        ({"cooldown_s": -1}, "`cooldown_s` is a number of seconds$"),
        ({"cooldown_s": float("inf")}, "`cooldown_s`"),
        ({"limits": {"a": -1}}, "the limit of `a`"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, complaint) -> None:
    """By name."""
    with pytest.raises(ValueError, match=f"^{complaint}"):
        BudgetTripwire(**settings)


def test_settings_at_their_edges(clock) -> None:
    """A threshold of zero, one breach, no cool-down."""
    tripwire = BudgetTripwire(
        "x.json", breach_threshold=0, critical_threshold=0, consecutive_breaches=1, cooldown_s=0, clock=clock
    )
    use(tripwire, 1)
    assert tripwire.downgrade_active
    use(tripwire, 0)
    assert not tripwire.downgrade_active
    assert Path("x.json").exists()
    defaults = BudgetTripwire("y.json")
    assert (defaults.breach_threshold, defaults.critical_threshold, defaults.consecutive_breaches) == (12.0, 25.0, 3)
    assert (defaults.cooldown_s, defaults.name, defaults.kind) == (300.0, "tokens", "budget")


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    "garbage",
    '{"consecutive_breaches": -1}',
    '{"consecutive_breaches": "3"}',
    '{"consecutive_breaches": true}',
    '{"downgrade_active": 1}',
    '{"downgrade_active": null}',
    '{"last_breach_timestamp": "yesterday"}',
    '{"last_breach_timestamp": true}',
    '{"last_breach_timestamp": 1e30}',
    '{"downgrade_activated_at": []}',
    '{"breach_history": {}}',
    '{"breach_history": [1]}',
    '{"breach_history": [{"timestamp": "2026-01-01T00:00:00+00:00"}]}',
    '{"breach_history": [{"token_delta": 1}]}',
    '{"breach_history": [{"timestamp": "2026-01-01T00:00:00", "token_delta": "1"}]}',
    '{"breach_history": [{"timestamp": "2026-01-01T00:00:00", "token_delta": true}]}',
    '{"breach_history": [{"timestamp": "2026-01-01T00:00:00", "token_delta": Infinity}]}',
    '{"breach_history": [{"timestamp": "2026-01-01T00:00:00", "token_delta": NaN}]}',
    '{"spending": []}',
    '{"spending": {"day": -1, "scopes": {}}}',
    '{"spending": {"day": 1}}',
    '{"spending": {"scopes": {}}}',
    '{"spending": {"day": 1, "scopes": {"a": "much"}}}',
    '{"spending": {"day": 1, "scopes": []}}',
    "[" * 100_000,
    '{"of_others": NaN}',
    '{"of_others": 1e999}',
    '{"consecutive_breaches": ' + "9" * 400 + "}",
    '{"breach_history": [{"timestamp": "2027-01-01T00:00:00", "token_delta": ' + "9" * 400 + "}]}",
    '{"spending": {"day": 1, "scopes": {"a": -5}}}',
]


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:30])
def test_a_damaged_file_is_set_aside_and_told(text, clock) -> None:
    """Its content is kept, the state begins anew, and the program goes on."""
    Path(FILE).write_text(text)
    heard = []
    tripwire = BudgetTripwire(clock=clock, listener=heard.append)
    assert [event.kind for event in heard] == ["state_corrupt"]
    assert f"set aside as `{FILE}.corrupt`" in heard[0].because
    assert Path(f"{FILE}.corrupt").read_text() == text
    assert on_disk()["consecutive_breaches"] == 0
    use(tripwire, 20)
    Path(FILE).write_bytes(b"\xff\xfe")
    tripwire.tick()
    assert Path(f"{FILE}.corrupt-1").read_bytes() == b"\xff\xfe"
    assert tripwire.get_status()["consecutive_breaches"] == on_disk()["consecutive_breaches"] == 1


def test_a_file_of_others_is_understood(clock) -> None:
    """Moments without a zone are UTC, seconds are understood, unknown keys are kept, missing ones filled in."""
    Path(FILE).write_text(
        json.dumps(
            {
                "consecutive_breaches": 2,
                "last_breach_timestamp": 1700000000,
                "downgrade_activated_at": "2026-01-01T00:00:00",
                "breach_history": [{"timestamp": "2026-01-01T00:00:00Z", "token_delta": 20, "who": "me"}],
                "note": "kept",
            }
        )
    )
    tripwire = BudgetTripwire(clock=clock)
    assert tripwire.get_status() == {
        "downgrade_active": False,
        "consecutive_breaches": 2,
        "breach_threshold": 12.0,
        "last_breach_timestamp": "2023-11-14T22:13:20+00:00",
        "downgrade_activated_at": "2026-01-01T00:00:00+00:00",
        "recent_breaches": [{"timestamp": "2026-01-01T00:00:00Z", "token_delta": 20.0, "who": "me"}],
    }
    use(tripwire, 20)
    assert tripwire.downgrade_active
    assert on_disk()["note"] == "kept"


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path, clock, monkeypatch) -> None:
    """The state lives in memory, and in the file as soon as that works again."""
    folder = tmp_path / "no such folder"
    tripwire = BudgetTripwire(folder / "state.json", clock=clock)
    heard = kinds(tripwire)
    use(tripwire, 20, 20, 20)
    assert tripwire.downgrade_active
    assert [kind for kind, _ in heard if kind == "state_unwritable"] == ["state_unwritable"]
    assert "cannot be written, the state lives in memory" in next(
        why for kind, why in heard if kind == "state_unwritable"
    )
    folder.mkdir()
    use(tripwire, 20)
    assert json.loads((folder / "state.json").read_text())["consecutive_breaches"] == 4
    shutil.rmtree(folder)
    use(tripwire, 20)
    assert [kind for kind, _ in heard if kind == "state_unwritable"] == ["state_unwritable"] * 2


def test_a_folder_in_place_of_the_file_is_told(tmp_path, clock) -> None:
    """It cannot be read, and nothing is lost."""
    Path(FILE).mkdir()
    heard = []
    tripwire = BudgetTripwire(clock=clock, listener=lambda event: heard.append(event.kind))
    use(tripwire, 20, 20, 20)
    assert tripwire.downgrade_active
    assert heard[0] == "state_unreadable"


def test_the_instance_of_the_process(monkeypatch) -> None:
    """One, until it is forgotten; the environment may say where its file is."""
    monkeypatch.setenv("FUSION_TRIPWIRE_STATE", "elsewhere.json")
    one = get_tripwire(consecutive_breaches=1)
    assert get_tripwire() is one
    assert get_budget_tripwire() is one
    use(one, 20)
    assert one.downgrade_active
    assert Path("elsewhere.json").exists()
    reset_tripwire_instance()
    two = get_tripwire()
    assert two is not one
    assert two.downgrade_active
    assert two.consecutive_breaches == 3
    reset_tripwire_instance()
    reset_tripwire_instance()
    assert get_budget_tripwire is get_tripwire is module.get_tripwire


def test_orders_from_outside_are_obeyed(tripwire) -> None:
    """Each does what its method does."""
    use(tripwire, 20, 20, 20)
    assert tripwire.obey("reset", {}) == "done"
    assert not tripwire.downgrade_active
    Path(FILE).write_text("garbage")
    assert tripwire.obey("repair", {}) == "done"
    assert on_disk()["consecutive_breaches"] == 0
    assert Path(f"{FILE}.corrupt").exists()
    Path(FILE).unlink()
    assert tripwire.obey("repair", {}) == "done"
    assert on_disk()["downgrade_active"] is False
    assert tripwire.obey("limit", {"scope": "a", "limit": 5}) == "done"
    assert tripwire.spent() == {"a": {"spent": 0.0, "limit": 5}}
    assert tripwire.obey("stop", {"scope": "a"}) == "done"
    assert tripwire.obey("allow", {"scope": "a"}) == "done"
    tripwire.reserve(1, "a").release()
    assert tripwire.obey("stop", {}) == "done"
    assert tripwire.report()["stopped"] == ["*"]
    assert tripwire.obey("allow", {}) == "done"
    assert tripwire.report()["stopped"] == []
    assert tripwire.obey("melt", {}) == "refused: a budget knows no `melt`"


def test_a_repair_takes_over_what_the_file_says(tripwire) -> None:
    """A whole file wins over memory."""
    use(tripwire, 20)
    state = on_disk() | {"consecutive_breaches": 2}
    Path(FILE).write_text(json.dumps(state))
    tripwire.repair()
    use(tripwire, 20)
    assert tripwire.downgrade_active


def test_the_report_shows_state_and_spending(tripwire) -> None:
    """As plain values."""
    tripwire.set_limit("a", 10)
    tripwire.record(120, 100)
    tripwire.reserve(3, "a").commit()
    report = tripwire.report()
    assert report["state_file"].endswith(FILE)
    assert (report["used"], report["breaches"], report["spent"]) == (120, 1, {"a": {"spent": 3.0, "limit": 10}})
    assert report["consecutive_breaches"] == 1
    assert report["settings"] == {"consecutive_breaches": 3, "cooldown_s": 300.0}
    json.dumps(report)


def test_events_reach_the_listeners_of_the_process(tripwire) -> None:
    """With the tripwire's name."""
    heard = []
    stop = listen(heard.append)
    use(tripwire, 20)
    stop()
    assert [(each.guard, each.name, each.kind, each.at) for each in heard] == [
        ("budget", "tokens", "breach", "2023-11-14T22:13:20+00:00")
    ]


def test_after_a_fork_no_lock_is_held(tripwire) -> None:
    """Those of the parent's threads stay with the parent."""
    for lock in (tripwire._lock, tripwire._ledger._lock, tripwire._spending.lock):
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        thread.join()
    tripwire.forked()
    use(tripwire, 20)
    tripwire.reserve(1).commit()
    assert not stat.S_ISDIR(Path(FILE).stat().st_mode)


@pytest.mark.parametrize(
    "use_it",
    [
        lambda tripwire: tripwire.record(100, 100),
        lambda tripwire: tripwire.record(200, 100),
        lambda tripwire: tripwire.downgrade_active,
        lambda tripwire: tripwire.reserve(1),
        lambda tripwire: tripwire.get_status(),
    ],
    ids=["within", "breach", "asked", "reserved", "status"],
)
def test_a_tripwire_is_watched_from_any_first_use_until_it_is_closed(clock, use_it) -> None:
    """And seen from outside all that time."""
    tripwire = BudgetTripwire(clock=clock)
    assert tripwire not in WATCHER.guards()
    use_it(tripwire)
    assert tripwire in WATCHER.guards()
    use_it(tripwire)
    tripwire.close()
    assert tripwire not in WATCHER.guards()


def test_whatever_happens_is_told_at_once(clock) -> None:
    """Not only at the next use."""
    heard = []
    Path(FILE).write_text("garbage")
    tripwire = BudgetTripwire(limits={"a": 10}, clock=clock, listener=lambda event: heard.append(event.kind))
    assert heard == ["state_corrupt"]
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(11, "a")
    assert heard[1:] == ["exhausted"]
    tripwire.stop("a")
    assert heard[2:] == ["stopped"]
    Path(FILE).write_text("garbage")
    tripwire.repair()
    assert heard[3:] == ["state_corrupt"]
    Path(FILE).write_text("garbage")
    tripwire.get_status()
    assert heard[4:] == ["state_corrupt"]


def test_the_status_is_that_of_the_file(tripwire, clock) -> None:
    """Another process may have breached it a moment ago."""
    assert tripwire.get_status()["consecutive_breaches"] == 0
    use(BudgetTripwire(clock=clock), 20, 20)
    assert tripwire.get_status()["consecutive_breaches"] == 2


def test_uses_within_budget_are_counted_while_breaches_are_looked_into(tripwire) -> None:
    """From one breach to the next: the report shows how far recovery is. Just at the threshold is within."""
    assert tripwire.report()["within_budget"] == 0
    use(tripwire, 20, 20, 20, 5, 12, 0)
    assert tripwire.report()["within_budget"] == 3
    use(tripwire, 13)
    assert tripwire.report()["within_budget"] == 0
    use(tripwire, 0)
    assert tripwire.report()["within_budget"] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"breach_history": [{"timestamp": "soon", "token_delta": 1}]}', "`timestamp` is no moment"),
        ('{"last_breach_timestamp": "soon"}', "`last_breach_timestamp` is no moment"),
        ('{"downgrade_activated_at": "soon"}', "`downgrade_activated_at` is no moment"),
        ('{"consecutive_breaches": -1}', "`consecutive_breaches` is no count"),
        ('{"downgrade_active": 1}', "`downgrade_active` is neither true nor false"),
        ('{"breach_history": [1]}', "`breach_history` is no list of breaches"),
        ('{"spending": {"day": 1}}', "`spending` is no account of a day"),
        ('{"spending": {"day": 1, "scopes": {"a": "much"}}}', "`much` is no number"),
    ],
)
def test_what_is_wrong_with_a_damaged_state_is_said(text, reason, clock) -> None:
    """By the name of the entry."""
    Path(FILE).write_text(text)
    heard = []
    BudgetTripwire(clock=clock, listener=heard.append)
    assert f"holds no state ({reason})" in heard[0].because


def test_a_repair_takes_over_a_downgrade_with_its_cool_down(tripwire, clock) -> None:
    """Use within budget lifts it as if it had begun here."""
    at = "2023-11-14T22:13:20+00:00"
    Path(FILE).write_text(
        json.dumps({"downgrade_active": True, "downgrade_activated_at": at, "last_breach_timestamp": at})
    )
    tripwire.repair()
    assert tripwire.downgrade_active
    clock.advance(300)
    use(tripwire, 0)
    assert not tripwire.downgrade_active


def test_a_restart_at_once_shortens_nothing(tripwire, clock) -> None:
    """Not by a second."""
    use(tripwire, 20, 20, 20)
    again = BudgetTripwire(clock=clock)
    clock.advance(299.5)
    use(again, 0)
    assert again.downgrade_active
    clock.advance(0.5)
    use(again, 0)
    assert not again.downgrade_active


def test_after_a_reset_use_within_budget_costs_nothing_again(tripwire, monkeypatch) -> None:
    """There is nothing left that it could lift."""
    use(tripwire, 20, 20, 20)
    tripwire.reset_downgrade()
    monkeypatch.setattr(tripwire, "_note", None)
    use(tripwire, 5)


def test_a_downgrade_of_another_process_is_lifted_here_too(tripwire, clock) -> None:
    """By use within budget, after the cool-down."""
    use(BudgetTripwire(clock=clock), 20, 20, 20)
    tripwire.tick()
    clock.advance(300)
    use(tripwire, 0)
    assert not tripwire.downgrade_active


def test_what_the_forgotten_instance_had_drawn_is_given_back(clock) -> None:
    """Nothing of the day's budget is lost."""
    get_tripwire(limits={"a": 1000}, clock=clock).reserve(1, "a").commit()
    reset_tripwire_instance()
    assert on_disk()["spending"]["scopes"] == {"a": 1.0}


def test_a_date_alone_is_its_midnight(clock) -> None:
    """Timestamps are ISO 8601 UTC, whoever wrote the file and however short."""
    Path(FILE).write_text('{"last_breach_timestamp": "2026-01-01", "downgrade_activated_at": "2026-01-01 10:00"}')
    status = BudgetTripwire(clock=clock).get_status()
    assert status["last_breach_timestamp"] == "2026-01-01T00:00:00+00:00"
    assert status["downgrade_activated_at"] == "2026-01-01T10:00:00+00:00"


def test_a_state_that_cannot_be_read_is_not_written_over(clock, monkeypatch) -> None:
    """It is told once, read as soon as it can be, and set aside where there is something to write before."""
    Path(FILE).write_text('{"consecutive_breaches": 2, "downgrade_active": true}')
    readable, heard = [], []
    read = state_file.read

    def denied(path):
        if not readable:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(state_file, "read", denied)
    one, two = (BudgetTripwire(clock=clock, listener=heard.append) for _ in range(2))
    assert one.get_status()["downgrade_active"] is two.get_status()["downgrade_active"] is False
    assert [(each.kind, each.because) for each in heard] == [
        ("state_unreadable", f"`{Path(FILE).absolute()}` cannot be read: Permission denied")
    ] * 2
    readable.append(1)
    assert one.get_status()["downgrade_active"] is True
    readable.clear()
    use(two, 20)
    assert ("state_unreadable", f"it was set aside as `{FILE}.corrupt`") in [
        (each.kind, each.because) for each in heard
    ]
    assert '"consecutive_breaches": 2' in Path(f"{FILE}.corrupt").read_text()
    assert on_disk()["consecutive_breaches"] == 1
    readable.append(1)
    assert two.get_status()["consecutive_breaches"] == 1
    assert len(list(Path.cwd().glob("*.corrupt*"))) == 1
