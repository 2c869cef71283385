"""Reserve, then commit: never more than the budget."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paramedic.guard import BudgetExhausted, BudgetTripwire
from paramedic.guard.testing import ManualClock

FILE = ".fusion_tripwire_state.json"
DAY_S = 86_400


def budget(clock, **limits):
    return BudgetTripwire(clock=clock, limits=limits)


def taken():
    return json.loads(Path(FILE).read_text())["spending"]["scopes"]


def spent(tripwire, scope="a"):
    return tripwire.spent()[scope]["spent"]


def test_what_is_reserved_is_not_there_for_others(clock) -> None:
    """And what was not used comes back."""
    tripwire = budget(clock, a=100)
    first = tripwire.reserve(60, "a")
    with pytest.raises(BudgetExhausted) as refusal:
        tripwire.reserve(41, "a")
    error = refusal.value
    assert (error.scope, error.asked, error.left, error.limit) == ("a", 41, 40, 100)
    assert str(error) == "budget `a` has 40 of 100 left, the call asked for 41"
    second = tripwire.reserve(40, "a")
    first.commit(10)
    second.release()
    assert spent(tripwire) == 10
    tripwire.reserve(90, "a").commit()
    assert spent(tripwire) == 100
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")
    tripwire.reserve(0, "a").commit()


def test_only_the_first_word_counts(clock) -> None:
    """A reservation is settled once."""
    tripwire = budget(clock, a=100)
    reservation = tripwire.reserve(10, "a")
    reservation.commit(4)
    reservation.commit(9)
    reservation.release()
    assert spent(tripwire) == 4
    with tripwire.reserve(10, "a") as reservation:
        reservation.commit(0)
    assert spent(tripwire) == 4


def test_a_block_left_without_a_word_counts_in_full_and_by_an_error_not_at_all(clock) -> None:
    """What is not known is counted as used."""
    tripwire = budget(clock, a=100)
    with tripwire.reserve(10, "a") as reservation:
        pass
    reservation.release()
    assert spent(tripwire) == 10
    with pytest.raises(KeyError), tripwire.reserve(10, "a"):
        raise KeyError
    assert spent(tripwire) == 10


def test_more_than_was_reserved_is_counted_too(clock) -> None:
    """It is spent, whatever the limit says; the next call is refused."""
    tripwire = budget(clock, a=100)
    tripwire.reserve(10, "a").commit(500)
    assert spent(tripwire) == 500
    with pytest.raises(BudgetExhausted) as refusal:
        tripwire.reserve(1, "a")
    assert refusal.value.left == 0


def test_scopes_have_their_own_limits_and_a_common_one(clock) -> None:
    """``*`` is for each that has none; without any nothing is refused."""
    tripwire = BudgetTripwire(clock=clock, limits={"*": 10, "big": 100})
    tripwire.reserve(10, "a").commit()
    tripwire.reserve(10, "b").commit()
    tripwire.reserve(100, "big").commit()
    for scope in ("a", "b", "big"):
        with pytest.raises(BudgetExhausted):
            tripwire.reserve(1, scope)
    assert tripwire.spent() == {
        "a": {"spent": 10.0, "limit": 10},
        "b": {"spent": 10.0, "limit": 10},
        "big": {"spent": 100.0, "limit": 100},
    }
    free = BudgetTripwire("free.json", clock=clock)
    free.reserve(1e12).commit()
    free.reserve(1e12).release()
    assert free.spent() == {}
    assert not Path("free.json").exists()


def test_limits_change_while_it_runs(clock) -> None:
    """Higher, lower, gone, and given to what had none."""
    tripwire = budget(clock, a=10)
    tripwire.reserve(10, "a").commit()
    tripwire.set_limit("a", 20)
    tripwire.reserve(10, "a").commit()
    tripwire.set_limit("a", 5)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")
    running = tripwire.reserve(3, "b")
    tripwire.set_limit("b", 10)
    running.commit(4)
    assert spent(tripwire, "b") == 4
    tripwire.reserve(6, "b").commit()
    tripwire.set_limit("a", None)
    tripwire.reserve(1e9, "a").commit()
    drawn = tripwire.reserve(0, "b")
    tripwire.set_limit("b", None)
    drawn.commit()
    with pytest.raises(ValueError, match="the limit of `a` is a number of at least 0, not `-1`"):
        tripwire.set_limit("a", -1)
    with pytest.raises(ValueError, match="the limit of `a`"):
        tripwire.set_limit("a", True)
    tripwire.set_limit("a", 0)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_what_is_no_amount_is_refused(clock, amount) -> None:
    """Before anything is counted."""
    tripwire = budget(clock, a=10)
    with pytest.raises(ValueError, match="reserves a number of at least 0"):
        tripwire.reserve(amount, "a")
    reservation = tripwire.reserve(1, "a")
    with pytest.raises(ValueError, match="uses a number of at least 0"):
        reservation.commit(amount)
    reservation.commit(0)
    assert spent(tripwire) == 0


def test_stop_refuses_the_next_call_and_allow_lets_it_pass(clock) -> None:
    """Of one scope or of all, limited or not; what runs may still be committed."""
    tripwire = budget(clock, a=10)
    heard = []
    tripwire.listen(lambda event: heard.append((event.kind, event.because)))
    running = tripwire.reserve(5, "a")
    tripwire.stop("a")
    with pytest.raises(BudgetExhausted) as refusal:
        tripwire.reserve(1, "a")
    assert (refusal.value.left, refusal.value.limit) == (0, 10)
    tripwire.reserve(1, "b").commit()
    running.commit()
    tripwire.allow("a")
    tripwire.reserve(1, "a").commit()
    tripwire.stop()
    with pytest.raises(BudgetExhausted) as refusal:
        tripwire.reserve(1, "b")
    assert refusal.value.limit == 0
    tripwire.allow()
    tripwire.reserve(1, "b").commit()
    assert heard[0] == ("stopped", "`a` may spend no more until it is allowed again")
    assert ("stopped", "`*` may spend no more until it is allowed again") in heard


def test_that_a_budget_is_used_up_is_told_once_a_day(clock) -> None:
    """Not at every refusal; and again when the limit has changed."""
    tripwire = budget(clock, a=10)
    heard = []
    tripwire.listen(lambda event: heard.append((event.kind, event.because)))

    def refused():
        with pytest.raises(BudgetExhausted):
            tripwire.reserve(11, "a")

    refused()
    refused()
    assert heard == [("exhausted", "budget `a` has 10 of 10 left, the call asked for 11")]
    tripwire.set_limit("a", 9)
    refused()
    clock.advance(DAY_S)
    refused()
    refused()
    assert len(heard) == 3


def test_a_day_is_a_day_of_utc_and_never_comes_back(clock) -> None:
    """Midnight gives a new budget, a clock that was set back does not; late words of yesterday count for nothing."""
    to_midnight = DAY_S - clock.wall() % DAY_S
    tripwire = budget(clock, a=100)
    tripwire.reserve(50, "a").commit()
    yesterday = tripwire.reserve(50, "a")
    clock.advance(to_midnight - 1)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")
    clock.advance(1)
    tripwire.reserve(99, "a").commit()
    yesterday.commit(50)
    assert spent(tripwire) == 99
    clock.step_wall(-3600)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(2, "a")
    tripwire.reserve(1, "a").commit(7)
    assert spent(tripwire) == 106
    after = budget(clock, a=100)
    with pytest.raises(BudgetExhausted):
        after.reserve(1, "a")
    clock.advance(DAY_S + 3600)
    assert spent(tripwire) == 0
    tripwire.reserve(1, "a").commit(5)
    assert taken()["a"] == 5


@pytest.mark.parametrize("lives", [True, False])
def test_a_clock_once_in_the_future_makes_no_budget_of_a_lifetime(clock, *, lives) -> None:
    """Put right, it is told once, what was spent counts for today, and tomorrow is another day."""
    heard: list[str] = []
    tripwire = budget(clock, a=100)
    clock.step_wall(70 * 365 * DAY_S)
    tripwire.reserve(99, "a").commit()
    clock.step_wall(-70 * 365 * DAY_S)
    if not lives:
        tripwire = budget(clock, a=100)
    tripwire.listen(lambda event: heard.append(event.kind))
    for _ in range(2):
        with pytest.raises(BudgetExhausted):
            tripwire.reserve(2, "a")
    assert heard == ["day_put_back", "exhausted"]
    assert spent(tripwire) >= 99
    clock.advance(DAY_S)
    tripwire.reserve(100, "a").commit()
    assert spent(tripwire) == 100


def test_a_clock_that_begins_in_1970_gives_no_second_budget(clock) -> None:
    """As on a machine that is told the time by the network: what was spent today stays spent."""
    budget(clock, a=100).reserve(100, "a").commit()
    clock.step_wall(-50 * 365 * DAY_S)
    tripwire = budget(clock, a=100)
    for step_s in (0, 50 * 365 * DAY_S):
        clock.step_wall(step_s)
        with pytest.raises(BudgetExhausted):
            tripwire.reserve(1, "a")
    clock.advance(DAY_S)
    tripwire.reserve(100, "a").commit()


def test_most_calls_touch_no_file(clock) -> None:
    """A hundredth of the limit is drawn at once, and never less than was used stands in the file."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(2, "a").commit(2)
    assert taken() == {"a": 10}
    before = Path(FILE).stat()
    for _ in range(4):
        tripwire.reserve(2, "a").commit(2)
    assert Path(FILE).stat() == before
    tripwire.reserve(2, "a").commit(2)
    assert taken() == {"a": 20}
    tripwire.reserve(500, "a").commit()
    assert 512 <= taken()["a"] <= 520
    assert spent(tripwire) == 512


def test_what_was_drawn_and_not_used_is_given_back(clock) -> None:
    """At the end of the process, and never twice."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(2, "a").commit(1)
    tripwire.close()
    assert taken() == {"a": 1}
    tripwire.close()
    assert taken() == {"a": 1}
    tripwire.reserve(2, "a").commit(1)
    assert taken() == {"a": 11}
    tripwire.close()
    assert taken() == {"a": 2}


def test_a_process_that_is_killed_has_at_most_drawn_too_much(clock) -> None:
    """The next one starts with what the file says."""
    budget(clock, a=1000).reserve(2, "a").commit(1)
    after = budget(clock, a=1000)
    assert spent(after) == 10
    after.reserve(990, "a").commit()
    with pytest.raises(BudgetExhausted):
        after.reserve(1, "a")


def test_a_new_beginning_forgets_what_was_spent(clock) -> None:
    """For a person who knows why."""
    tripwire = budget(clock, a=10)
    tripwire.reserve(10, "a").commit()
    tripwire._spending.forget()
    tripwire.reserve(10, "a").commit()
    assert spent(tripwire) == 10


def test_twenty_threads_never_overspend(clock) -> None:
    """Of 10,000 tokens in calls of 7 exactly as many are made as fit."""
    tripwire = budget(clock, a=10_000)
    made = []

    def caller() -> None:
        try:
            while True:
                with tripwire.reserve(7, "a") as reservation:
                    reservation.commit(7)
                made.append(7)
        except BudgetExhausted:
            pass

    threads = [threading.Thread(target=caller) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(made) == 9_996
    assert spent(tripwire) == 9_996


CHILD = """
import sys
from paramedic.guard import BudgetExhausted, BudgetTripwire
tripwire = BudgetTripwire(sys.argv[1], limits={"a": 20000})
made = 0
try:
    while True:
        with tripwire.reserve(7, "a") as reservation:
            reservation.commit(7)
        made += 7
except BudgetExhausted:
    print(made)
"""


def test_four_processes_never_overspend(tmp_path) -> None:
    """They share one file; what is left over at most is what each had drawn."""
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "s.json")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    made = sum(int(each.communicate(timeout=60)[0]) for each in children)
    assert 20_000 - 4 * 200 <= made <= 20_000


class Budgets(RuleBasedStateMachine):
    """Two processes on one file beside a model: nothing is granted that would overspend, nothing is forgotten."""

    LIMIT = 100.0

    @initialize()
    def build(self) -> None:
        Path(FILE).unlink(missing_ok=True)
        self.clock = ManualClock(wall_s=DAY_S * 20_000.5)
        self.processes = [budget(self.clock, a=self.LIMIT) for _ in range(2)]
        self.open: list[tuple[object, float, int]] = []
        self.used = 0.0
        self.over = 0.0
        self.day = 20_000
        self.killed_with = 0.0

    @property
    def reserved(self) -> float:
        return sum(amount for _, amount, day in self.open if day == self.day)

    @rule(process=st.integers(0, 1), amount=st.sampled_from([0.5, 3, 10, 40]))
    def reserve(self, process, amount) -> None:
        try:
            reservation = self.processes[process].reserve(amount, "a")
        except BudgetExhausted:
            in_hands_of_others = 40 + 2 * self.LIMIT / 100 + self.killed_with
            assert self.used + self.reserved + amount > self.LIMIT - in_hands_of_others
        else:
            self.open.append((reservation, amount, self.day))
            assert self.used - self.over + self.reserved <= self.LIMIT + 1e-6

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=st.sampled_from([0, 0.5, 1, 1.5]))
    def commit(self, data, share) -> None:
        reservation, amount, day = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        reservation.commit(amount * share)
        if day == self.day:
            self.used += amount * share
            self.over += max(0.0, amount * (share - 1))

    @rule(process=st.integers(0, 1))
    def kill(self, process) -> None:
        """What it had reserved stays counted: it may have been used."""
        dead = self.processes[process]._spending
        mine = [each for each in self.open if each[0]._spending is dead]
        self.open = [each for each in self.open if each[0]._spending is not dead]
        self.used += sum(amount for _, amount, day in mine if day == self.day)
        self.killed_with += self.LIMIT
        self.processes[process] = budget(self.clock, a=self.LIMIT)

    @rule(hours=st.sampled_from([-1, 1]))
    def step_the_wall_clock(self, hours) -> None:
        self.clock.step_wall(hours * 600)
        self.day = max(self.day, int(self.clock.wall() // DAY_S))

    @rule()
    def next_day(self) -> None:
        self.clock.advance(DAY_S)
        self.day = max(self.day, int(self.clock.wall() // DAY_S))
        self.used = self.over = self.killed_with = 0.0
        for each in self.processes:
            each.spent()

    @invariant()
    def the_file_never_says_less_than_was_used(self) -> None:
        state = json.loads(Path(FILE).read_text())["spending"] if Path(FILE).exists() else {"day": 0, "scopes": {}}
        if state["day"] == self.day:
            assert state["scopes"].get("a", 0.0) >= self.used - 1e-6


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_who_used_nothing_leaves_nothing_spent(clock) -> None:
    """All that was drawn is given back."""
    tripwire = BudgetTripwire("back.json", limits={"a": 100}, clock=clock)
    tripwire.reserve(10, "a").release()
    tripwire.close()
    assert json.loads(Path("back.json").read_text())["spending"]["scopes"] == {"a": 0.0}


def test_a_call_that_used_what_it_reserved_writes_nothing_more(clock) -> None:
    """Not even where less than one, or nothing at all, is left of what was drawn."""
    tripwire = budget(clock, a=1000)
    for left_over in (0.5, 0):
        reservation = tripwire.reserve(10 - left_over, "a")
        before = Path(FILE).stat()
        reservation.commit()
        assert Path(FILE).stat() == before
        tripwire._spending.forget()


def test_whoever_is_stopped_may_not_use_up_what_was_drawn(clock) -> None:
    """Nor may anybody where all are stopped; after `allow` it is there again."""
    tripwire = budget(clock, a=1000, b=1000)
    for scope in ("a", "b"):
        tripwire.reserve(1, scope).commit()
    tripwire.stop("a")
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")
    tripwire.reserve(1, "b").commit()
    tripwire.stop()
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "b")
    tripwire.allow()
    tripwire.allow("a")
    tripwire.reserve(1, "a").commit()
    assert (spent(tripwire, "a"), spent(tripwire, "b")) == (2, 2)


def test_while_a_share_lasts_nobody_looks_at_the_file(clock) -> None:
    """That is what it is drawn for."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(1, "a").commit()
    tripwire._spending._ledger = None
    for _ in range(9):
        tripwire.reserve(1, "a").commit()
    with pytest.raises(AttributeError):
        tripwire.reserve(1, "a")


def test_at_midnight_the_new_day_has_begun(clock) -> None:
    """What is used from then on counts for it, also where something of yesterday's share is left."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(1, "a").commit()
    clock.advance(DAY_S - clock.wall() % DAY_S)
    tripwire.reserve(1, "a").commit()
    assert spent(tripwire) == 1
    assert taken() == {"a": 10}


def test_the_report_says_how_often_a_scope_was_refused_and_when_last(clock) -> None:
    """Only of those that were."""
    tripwire = budget(clock, a=10, b=10)
    tripwire.reserve(1, "b").commit()
    assert tripwire.report()["refused"] == {}
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(11, "a")
    assert tripwire.report()["refused"] == {"a": {"times": 1, "last": "2023-11-14T22:13:20+00:00"}}
    clock.advance(1)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(11, "a")
    assert tripwire.report()["refused"] == {"a": {"times": 2, "last": "2023-11-14T22:13:21+00:00"}}
    tripwire.stop("b")
    assert tripwire.report()["stopped"] == ["b"]


def test_what_was_drawn_yesterday_is_not_given_back_to_today(clock) -> None:
    """What others use today stays counted when a process of yesterday ends."""
    old = budget(clock, a=1000)
    old.reserve(1, "a").commit()
    clock.advance(DAY_S)
    budget(clock, a=1000).reserve(5, "a").commit()
    assert taken() == {"a": 10}
    old.close()
    assert taken() == {"a": 10}


def test_what_others_spent_is_seen_at_once(clock) -> None:
    """By whoever asks."""
    one, other = budget(clock, a=100), budget(clock, a=100)
    one.reserve(30, "a").commit()
    assert spent(other) == 30


def test_a_share_is_used_to_its_end_before_the_next_is_drawn(clock) -> None:
    """Also while another scope is stopped."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(1, "a").commit()
    tripwire.stop("b")
    tripwire.reserve(9, "a").commit()
    assert taken() == {"a": 10}


def test_what_was_drawn_under_a_higher_limit_is_not_used_under_a_lower_one(clock) -> None:
    """The new limit holds from the next call on."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(1, "a").commit()
    tripwire.set_limit("a", 1)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, "a")


def test_the_first_use_of_a_day_may_be_one_that_nobody_limited_before(clock) -> None:
    """It counts for the day."""
    tripwire = budget(clock)
    running = tripwire.reserve(3, "b")
    tripwire.set_limit("b", 10)
    running.commit(4)
    assert spent(budget(clock, b=10), "b") == 4


def test_less_than_one_is_given_back_to_the_last_part(clock) -> None:
    """Joules and money have parts."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(0.5, "a").commit()
    tripwire.close()
    assert taken() == {"a": 0.5}


def test_the_child_of_a_fork_draws_for_itself(clock) -> None:
    """What its parent drew is its parent's."""
    tripwire = budget(clock, a=1000)
    tripwire.reserve(1, "a").commit()
    tripwire.forked()
    tripwire.reserve(1, "a").commit()
    assert taken() == {"a": 20}


def test_reserving_nothing_brings_nothing(clock) -> None:
    """The limit stays what it is."""
    tripwire = budget(clock, a=10, b=10)
    tripwire.reserve(0, "a").commit()
    tripwire.reserve(10, "a").commit()
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(0.5, "a")
    with pytest.raises(BudgetExhausted) as refusal:
        tripwire.reserve(11, "b")
    assert refusal.value.left == 10
    with pytest.raises(ValueError, match="the limit of `a` is a number of at least 0, not `inf`"):
        tripwire.set_limit("a", float("inf"))


def test_a_scope_may_be_a_number(clock) -> None:
    """Tenants often are; it is the same scope as its text, in every process. Nobody is no scope."""
    tripwire = BudgetTripwire(limits={7: 10}, clock=clock)
    tripwire.reserve(6, 7).commit()
    with pytest.raises(BudgetExhausted, match="budget `7` has 4 of 10 left"):
        tripwire.reserve(6, "7")
    assert tripwire.spent() == {"7": {"spent": 6.0, "limit": 10}}
    tripwire.set_limit(7, 20)
    tripwire.reserve(6, 7).commit()
    tripwire.stop(7)
    with pytest.raises(BudgetExhausted):
        tripwire.reserve(1, 7)
    tripwire.allow(7)
    tripwire.reserve(1, 7).commit()
    tripwire.close()
    assert BudgetTripwire(limits={"7": 20}, clock=clock).spent()["7"]["spent"] == 13
    with pytest.raises(ValueError, match=r"^a scope is a name or a number, not `None`$"):
        tripwire.reserve(1, None)
    tripwire.reserve(1, "a").commit()


@pytest.mark.parametrize("limit", ["5", None, float("nan"), True])
def test_a_limit_is_a_number(limit) -> None:
    """Also one that comes from a file."""
    with pytest.raises(ValueError, match=f"^the limit of `a` is a number of at least 0, not `{limit}`$"):
        BudgetTripwire(limits={"a": limit})
