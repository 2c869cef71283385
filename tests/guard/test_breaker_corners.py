"""One breaker where calls overlap, and what is told at once."""

import asyncio
import contextvars
import copy
import pickle

import pytest

from failing_calls import Down, fail
from paramedic.guard import BudgetExhausted, CircuitBreaker, CircuitOpen, Window
from paramedic.guard.periods import ENTERED, TRIALS
from paramedic.guard.watcher import Watcher
from paramedic.guard.wrapping import FULL


@pytest.fixture
def slow(clock):
    """Counts calls over one second as slow."""

    def make(name="model", **settings):
        return CircuitBreaker(
            name=name, window=Window(calls=20, slow_call_rate=1.0, slow_call_s=1), clock=clock, **settings
        )

    return make


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_blocks_that_end_in_any_order_keep_their_own_times(slow, clock, order) -> None:
    """Blocks of several breakers overlap as generators do: each measures itself, and nothing of them stays."""
    breakers = {name: slow(name) for name in "abc"}
    for name in "abc":
        breakers[name].__enter__()
    took = {}
    for seconds, name in enumerate(order):
        breakers[name].__exit__(None, None, None)
        took[name] = seconds
        clock.advance(1.5)
    assert ENTERED.get() is None
    for name, breaker in breakers.items():
        state = breaker.get_state()
        assert (name, state["calls"], state["slow_calls"]) == (name, 1, took[name] > 0)


def test_blocks_inside_each_other_and_errors_in_them(slow, clock) -> None:
    """The error of an inner block is counted by the breaker that it belongs to, whichever ends first."""
    outer, inner = slow("outer"), slow("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(Down, Down(), None)
    inner.__exit__(None, None, None)
    assert (outer.get_state()["failure_count"], inner.get_state()["failure_count"]) == (1, 0)
    with outer, inner:
        clock.advance(2)
    assert ENTERED.get() is None
    assert (outer.get_state()["slow_calls"], inner.get_state()["slow_calls"]) == (1, 1)


def test_the_defaults_are_those_of_the_contract() -> None:
    """5 failures, 300 s, 2 successes, 1 trial."""
    breaker = CircuitBreaker()
    found = (
        breaker.failure_threshold,
        breaker.recovery_timeout,
        breaker.success_threshold,
        breaker.half_open_max_calls,
    )
    assert found == (5, 300.0, 2, 1)


def test_settings_are_attributes(clock) -> None:
    """Assigning changes them while calls run."""
    breaker = CircuitBreaker(clock=clock)
    breaker.success_threshold = 3
    breaker.half_open_max_calls = 4
    breaker.trip_conditions = [{"metric": "m", "threshold": 1}]
    assert (breaker.settings.success_threshold, breaker.settings.half_open_max_calls) == (3, 4)
    assert breaker.trip_conditions[0].metric == "m"
    assert breaker.settings.trip_conditions == breaker.trip_conditions


def test_every_turn_is_told_at_once(slow, clock) -> None:
    """Before the call that made it is over, nobody has to ask."""
    heard = []
    breaker = slow(success_threshold=1, recovery_timeout=10, listener=lambda event: heard.append(event.kind))
    breaker.change(minimum_calls=1)
    assert heard == ["tuned"]
    breaker.change(minimum_calls=1)
    assert heard == ["tuned"]
    with breaker:
        clock.advance(2)
    assert heard == ["tuned", "opened"]
    clock.advance(10)
    with breaker:
        assert heard[2:] == ["half_opened"]
    assert heard[3:] == ["closed"]
    breaker.change(trip_conditions=[{"metric": "other", "threshold": 1}, {"metric": "mine", "threshold": 1}])
    breaker.record_metric("mine", 2)
    assert heard[4:] == ["tuned", "opened"]


def test_what_ends_while_it_is_open_changes_nothing(slow, clock) -> None:
    """Calls that were under way when it opened say nothing any more, failed or slow."""
    breaker = slow(failure_on=Down)
    one, two = breaker.admit(), breaker.admit()
    breaker.force_open()
    one.failed(Down(), clock.monotonic())
    two.was_slow(clock.monotonic())
    state = breaker.get_state()
    assert (state["failure_count"], state["slow_calls"], state["calls"], state["because"]) == (
        0,
        0,
        0,
        "opened by hand",
    )


def test_a_slow_call_counts_after_the_fast_ones_before_it(slow, clock) -> None:
    """What waits is counted before a slow call is judged."""
    breaker = slow()
    for _ in range(9):
        breaker.call(max, 1, 2)
    with breaker:
        clock.advance(2)
    assert breaker.closed_period.tally.calls == 10


def test_fast_successes_of_blocks_do_not_pile_up(clock) -> None:
    """They wait to be counted up to a number, and no further."""
    breaker = CircuitBreaker(clock=clock)
    for _ in range(FULL):
        breaker.call(max, 1, 2)
    assert len(breaker.closed_period.waiting) == FULL
    breaker.call(max, 1, 2)
    assert len(breaker.closed_period.waiting) == 0


def test_a_trial_of_an_earlier_round_only_gives_its_permit_back(clock) -> None:
    """It ends after the breaker opened and half opened anew: neither its success nor its failure counts."""
    for ending in ("succeeded", "failed"):
        breaker = CircuitBreaker(success_threshold=1, half_open_max_calls=2, failure_on=Down, clock=clock)
        breaker.force_open()
        breaker.allow_half_open()
        trial = breaker.admit()
        breaker.force_open()
        breaker.allow_half_open()
        if ending == "succeeded":
            trial.succeeded(clock.monotonic())
        else:
            trial.failed(Down(), clock.monotonic())
        assert (breaker.state, breaker.get_state()["half_open_calls"]) == ("half_open", 0)


def test_it_is_watched_once(clock, monkeypatch) -> None:
    """Not again with every call."""
    seen = []
    monkeypatch.setattr(Watcher, "watch", lambda _watcher, guard: seen.append(guard))
    breaker = CircuitBreaker(clock=clock)
    for _ in range(3):
        breaker.call(max, 1, 2)
        assert breaker.state == "closed"
    assert seen == [breaker]


def test_after_a_fork_the_shared_store_is_opened_anew(clock, tmp_path) -> None:
    """A connection must not cross a fork."""
    breaker = CircuitBreaker(shared=tmp_path / "s.sqlite", clock=clock)
    breaker.tick()
    assert breaker.sharing._store is not None
    breaker.forked()
    assert breaker.sharing._store is None


def half_open(clock, **settings):
    breaker = CircuitBreaker(name="model", recovery_timeout=1, clock=clock, **settings)
    breaker.force_open()
    breaker.allow_half_open()
    return breaker


@pytest.mark.parametrize("how", ["decorator", "call", "with"])
async def test_a_call_inside_a_trial_is_part_of_it(clock, how) -> None:
    """A guarded function that calls a guarded function does not lock itself out: one trial, one permit, one word."""
    breaker = half_open(clock, success_threshold=2)
    ask = breaker(lambda: "fine")

    def deliver():
        assert breaker.get_state()["half_open_calls"] == 1
        return ask()

    def outer():
        if how == "decorator":
            return breaker(deliver)()
        if how == "call":
            return breaker.call(deliver)
        with breaker:
            return deliver()

    assert outer() == "fine"
    assert breaker.get_state()["success_count"] == 1
    assert outer() == "fine"
    assert breaker.state == "closed"


async def test_coroutines_inside_a_trial_are_part_of_it(clock) -> None:
    """The same for async functions, with their errors: the trial fails with what it does not make good."""
    breaker = half_open(clock, success_threshold=1)

    @breaker
    async def ask(good):
        if not good:
            raise Down
        return "fine"

    @breaker
    async def deliver(*goods):
        for good in goods:
            try:
                return await ask(good)
            except Down:
                continue
        raise Down

    with pytest.raises(Down):
        await deliver(False)
    assert (breaker.state, breaker.get_state()["because"]) == ("open", "a trial call failed with Down")
    clock.advance(1)
    assert await deliver(False, True) == "fine"
    assert breaker.state == "closed"


async def test_what_runs_beside_a_trial_is_not_part_of_it(clock) -> None:
    """Other tasks, and what comes after it, need permits of their own."""
    breaker = half_open(clock)
    go = asyncio.Event()

    @breaker
    async def ask():
        await go.wait()
        return "fine"

    first = asyncio.create_task(ask())
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpen, match="its trial calls are under way"):
        await ask()
    go.set()
    assert await first == "fine"
    assert TRIALS.get() == ()
    held = breaker.admit()
    with pytest.raises(CircuitOpen):
        await ask()
    held.abandoned()
    assert await ask() == "fine"


async def test_its_own_refusal_is_no_failure_of_what_it_guards(clock) -> None:
    """A trial in which the breaker itself refuses a call, in another thread, says nothing."""
    breaker = half_open(clock)

    @breaker
    async def deliver():
        return await asyncio.to_thread(contextvars.Context().run, breaker.call, max, 1, 2)

    with pytest.raises(CircuitOpen):
        await deliver()
    assert (breaker.state, breaker.get_state()["half_open_calls"]) == ("half_open", 0)
    other = half_open(clock)
    other.name = "other"
    with pytest.raises(CircuitOpen), other:
        raise CircuitOpen("model", 1.0, "away")
    assert other.state == "open"


def test_the_time_until_a_trial_is_told_in_milliseconds(clock) -> None:
    """Not finer."""
    breaker = CircuitBreaker(recovery_timeout=10, failure_threshold=1, failure_on=Down, clock=clock)
    fail(breaker)
    clock.advance(1.23456)
    assert breaker.get_state()["retry_in_s"] == 8.765
    clock.advance(8.5)
    assert breaker.get_state()["retry_in_s"] == 0.265


def test_whoever_looks_at_it_has_it_watched(clock) -> None:
    """So that it turns in time for who looks from outside."""
    breaker = CircuitBreaker(clock=clock)
    assert not breaker._watched
    assert breaker.state == "closed"
    assert breaker._watched


def test_a_context_forgets_the_trials_that_it_was_in(clock) -> None:
    """Else a worker that lives for ever would carry all of them along."""
    breaker = half_open(clock)
    assert breaker.call(max, 1, 2) == 2
    assert TRIALS.get() == ()


def test_a_trial_is_known_inside_blocks_of_others(clock) -> None:
    """However deep the call is that is part of it."""
    breaker, other = half_open(clock), CircuitBreaker(clock=clock)
    with breaker, other, other:
        assert breaker.call(max, 1, 2) == 2
    assert breaker.get_state()["success_count"] == 1


def test_what_opens_between_look_and_lock_refuses(clock) -> None:
    """A call that saw it closed and comes to its lock when it is open is refused, with the time it has to wait."""
    breaker = CircuitBreaker(recovery_timeout=10, failure_threshold=1, failure_on=Down, clock=clock)
    fail(breaker)
    with pytest.raises(CircuitOpen) as refusal:
        breaker._admitted(clock.monotonic())
    assert refusal.value.retry_in_s == 10
    assert breaker.get_state()["half_open_calls"] == 0


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half open"])
def test_a_judgement_that_fails_hides_no_error_and_holds_no_permit(clock, caplog, half) -> None:
    """The caller sees the error of the call; it counts as a failure, and the judge's own is logged."""
    breaker = CircuitBreaker(failure_threshold=1, failure_on=lambda error: error.code, clock=clock)
    if half:
        breaker.force_open()
        breaker.allow_half_open()
    with pytest.raises(Down):
        breaker.call(fail_once)
    assert (breaker.state, breaker.get_state()["half_open_calls"]) == ("open", 0)
    assert [each.getMessage() for each in caplog.records] == ["`failure_on` failed; the error counts as a failure"]


def fail_once():
    raise Down


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half open"])
def test_a_call_without_a_budget_says_nothing_about_what_it_would_have_called(clock, half) -> None:
    """It was not made, unless somebody says that it counts."""
    breaker = CircuitBreaker(failure_threshold=1, clock=clock)
    if half:
        breaker.force_open()
        breaker.allow_half_open()
    before = breaker.state
    with pytest.raises(BudgetExhausted), breaker:
        raise BudgetExhausted("anna", 5, 0, 5)
    assert (breaker.state, breaker.get_state()["half_open_calls"]) == (before, 0)
    breaker.change(failure_on=BudgetExhausted)
    with pytest.raises(BudgetExhausted), breaker:
        raise BudgetExhausted("anna", 5, 0, 5)
    assert breaker.state == "open"


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda way: way.__name__)
def test_a_breaker_is_one(breaker, way) -> None:
    """A copy would guard nothing; who wants it in another process reads how."""
    with pytest.raises(
        TypeError, match=r"^breaker `model` guards .* build it there, too, and give both the same `shared`$"
    ):
        way(breaker)
