"""The outside end: what is asked of running processes, and what is done to files that none uses."""

import json
import os

import pytest

from paramedic.guard import BudgetTripwire, CircuitBreaker
from paramedic.guard.outside import BY_AN_OPERATOR, REFUSED, SILENT, Order, Process, ask, mend, processes
from paramedic.guard.post import Post, folder, place, started


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A folder that is not the user's own, in which guards meet."""
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(elsewhere))
    assert folder() == elsewhere
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(tmp_path / "guards"))
    return elsewhere


def shows(at, **changed):
    """The report of this process."""
    report = {
        "pid": os.getpid(),
        "program": ["serve", "--port", "80"],
        "folder": "/srv",
        "service": "shop",
        "as_of": "2026-01-01T00:00:00+00:00",
        "guards": [{"kind": "breaker", "name": "model"}],
        "events": [{"kind": "opened"}],
        "answers": {"1": "done"},
    }
    place(at / "processes" / f"{os.getpid()}-{started(os.getpid())}.json", report | changed)


class Hand:
    """A clock that goes on a second at every look; the other side acts meanwhile."""

    def __init__(self, act=lambda: None):
        self.now, self.act = 0.0, act

    def monotonic(self):
        self.now += 1.0
        self.act()
        return self.now


def answering(at, text):
    def act():
        shows(at, answers={each.stem: text for each in (at / "orders").glob("[!.]*.json")})

    return act


def test_a_process_is_shown_as_it_showed_itself(at) -> None:
    """Everything that it wrote, from the folder that is asked for."""
    shows(at)
    assert processes(at) == [
        Process(
            pid=os.getpid(),
            program="serve --port 80",
            folder="/srv",
            service="shop",
            as_of="2026-01-01T00:00:00+00:00",
            guards=[{"kind": "breaker", "name": "model"}],
            events=[{"kind": "opened"}],
            answers={"1": "done"},
        )
    ]
    assert processes() == []


def test_who_only_looks_leaves_what_the_dead_left(at) -> None:
    """Who tidies removes it; a report that is half written is nobody's."""
    dead = at / "processes" / "999999999-5.json"
    dead.write_text("{}")
    half = at / "processes" / ".1-1.json"
    half.write_text("{}")
    assert processes(at, tidy=False) == []
    assert dead.exists()
    assert processes(at) == []
    assert not dead.exists()
    assert half.exists()


def test_a_report_that_is_none_hides_no_other(at) -> None:
    """It is passed over."""
    (at / "processes" / f"{os.getppid()}-{started(os.getppid())}.json").write_text("{")
    (at / "processes" / f"1-{started(1)}.json").write_text("[]")
    shows(at)
    assert [each.pid for each in processes(at)] == [os.getpid()]


def test_an_order_in_another_folder_is_answered_there(at, monkeypatch) -> None:
    """By the processes that have such a guard; the answer ends the waiting."""
    shows(at)
    clock = Hand(answering(at, "done"))
    assert ask(Order(kind="breaker", name="model", verb="open"), 50.0, clock, at) == {os.getpid(): "done"}
    assert clock.now < 10
    assert ask(Order(kind="breaker", name="*", verb="open"), 50.0, clock, at) == {os.getpid(): "done"}
    refusing = Hand(answering(at, f"{REFUSED}not now"))
    assert ask(Order(kind="breaker", name="*", verb="open"), 50.0, refusing, at) == {os.getpid(): "refused: not now"}
    assert list((folder() / "orders").iterdir()) == []


def test_who_has_no_such_guard_is_not_waited_for(at) -> None:
    """Nor one that is not addressed; an answer that it knows no such guard is left out."""
    shows(at)
    for order in (
        Order(kind="breaker", name="other", verb="open"),
        Order(kind="flags", name="model", verb="open"),
        Order(kind="breaker", name="model", verb="open", pids=(1,)),
    ):
        clock = Hand()
        assert ask(order, 50.0, clock, at) == {}
        assert clock.now < 10
    unknown = Hand(answering(at, "unknown: no such guard here"))
    order = Order(kind="breaker", name="model", verb="open", pids=(os.getpid(),))
    assert ask(order, 50.0, unknown, at) == {}
    assert unknown.now < 10


def test_who_does_not_answer_in_time_is_silent(at) -> None:
    """Two seconds, where nothing else is said."""
    shows(at)
    clock = Hand()
    assert ask(Order(kind="breaker", name="model", verb="open"), clock=clock, at=at) == {os.getpid(): "silent"}
    assert clock.now == 3.0
    clock = Hand()
    assert ask(Order(kind="breaker", name="model", verb="open"), 5.0, clock, at) == {os.getpid(): SILENT}
    assert clock.now == 6.0


def test_where_no_guards_meet_nothing_is_ordered(tmp_path) -> None:
    """And no folder is made there."""
    (tmp_path / "bare").mkdir()
    for at in (tmp_path / "bare", tmp_path / "none"):
        assert ask(Order(kind="breaker", name="model", verb="open"), at=at) == {}
        assert not (at / "orders").exists()


def test_a_process_answers_through_its_folder(clock) -> None:
    """Both ends together, without a thread."""
    breaker = CircuitBreaker(name="model", clock=clock)
    post = Post(clock)
    post.show([breaker])

    def act():
        post.carry_out_orders([breaker])
        post.show([breaker])

    assert ask(Order(kind="breaker", name="model", verb="open"), 50.0, Hand(act)) == {os.getpid(): "done"}
    assert breaker.state == "open"


def test_a_damaged_state_is_mended_and_a_whole_one_kept(tmp_path, clock) -> None:
    """What was wrong is said, the damaged one set aside."""
    path = tmp_path / "state.json"
    BudgetTripwire(path, clock=clock).record(120, 100)
    whole = json.loads(path.read_text())
    assert mend(path) == []
    assert json.loads(path.read_text()) == whole
    path.write_text("garbage")
    (line,) = mend(path)
    assert "set aside as `state.json.corrupt`" in line
    assert (tmp_path / "state.json.corrupt").read_text() == "garbage"
    assert BudgetTripwire(path, clock=clock).get_status()["consecutive_breaches"] == 0
    path.unlink()
    assert mend(path) == []
    assert json.loads(path.read_text())["downgrade_active"] is False


def test_a_state_that_cannot_be_written_is_not_called_mended(tmp_path, monkeypatch) -> None:
    """Where there is no folder, or none that can be written."""
    with pytest.raises(FileNotFoundError, match=r"^`s.json` cannot be made whole: there is no folder `.*/none`$"):
        mend(tmp_path / "none" / "s.json")

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("paramedic.guard.state_file.write", refused)
    with pytest.raises(PermissionError, match=r"^`s.json` cannot be made whole: .*cannot be written"):
        mend(tmp_path / "s.json")


def test_two_may_tidy_at_once(at, monkeypatch) -> None:
    """What the other has removed already is not missed."""
    dead = at / "processes" / "999999999-5.json"
    dead.write_text("{}")

    def meanwhile(*_):
        dead.unlink()
        return False

    monkeypatch.setattr("paramedic.guard.outside.alive", meanwhile)
    assert processes(at) == []


def test_a_breaker_that_a_person_holds_open_says_so(clock) -> None:
    """In words that checks and commands know it by."""
    breaker = CircuitBreaker(name="model", clock=clock)
    breaker.force_open(f"{BY_AN_OPERATOR}: maintenance")
    Post(clock).show([breaker])
    ((shown,),) = [each.guards for each in processes()]
    assert shown["because"] == "an operator opened it: maintenance"
