"""The breaker beside a model of it that is too simple to be wrong."""

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paramedic.guard import CircuitBreaker, CircuitOpen
from paramedic.guard.testing import ManualClock


class Breaker(RuleBasedStateMachine):
    """Calls begin and end in any order, time passes, the wall clock jumps, people interfere."""

    @initialize(
        threshold=st.integers(1, 4),
        successes=st.integers(1, 3),
        permits=st.integers(1, 3),
        size=st.sampled_from([None, 1, 3, 5]),
        rate=st.sampled_from([None, 0.5, 1.0]),
        minimum=st.integers(1, 4),
    )
    def build(self, *, threshold, successes, permits, size, rate, minimum) -> None:
        self.clock = ManualClock()
        window = {} if size is None else {"window": {"calls": size, "failure_rate": rate, "minimum_calls": minimum}}
        self.breaker = CircuitBreaker(
            failure_threshold=threshold,
            recovery_timeout=10,
            success_threshold=successes,
            half_open_max_calls=permits,
            clock=self.clock,
            **window,
        )
        self.threshold, self.successes, self.permits = threshold, successes, permits
        self.size, self.rate, self.minimum = size, rate, minimum
        self.state, self.streak, self.good = "closed", 0, 0
        self.past: deque[bool] = deque(maxlen=size)
        self.due = 0.0
        self.forced = False
        self.period = 0
        self.running: list[tuple[object, str, int]] = []

    def turn(self, state, forced=False) -> None:
        self.state = state
        self.period += 1
        self.forced = forced
        if state == "open":
            self.due = self.clock.monotonic() + 10
        if state == "half_open":
            self.good = 0
        if state == "closed":
            self.streak, self.past = 0, deque(maxlen=self.size)

    def probe(self) -> None:
        if self.state == "open" and not self.forced and self.clock.monotonic() >= self.due:
            self.turn("half_open")

    @property
    def trials(self) -> int:
        return sum(kind == "trial" for _, kind, _ in self.running)

    @rule()
    def begin(self) -> None:
        self.probe()
        admitted = self.state == "closed" or (self.state == "half_open" and self.trials < self.permits)
        if admitted:
            kind = "plain" if self.state == "closed" else "trial"
            self.running.append((self.breaker.admit(), kind, self.period))
        else:
            with pytest.raises(CircuitOpen):
                self.breaker.admit()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(["good", "bad", "cancelled"]))
    def end(self, data, outcome) -> None:
        period, kind, number = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        now = self.clock.monotonic()
        if outcome == "good":
            period.succeeded(now)
        else:
            period.failed(KeyError() if outcome == "bad" else GeneratorExit(), now)
        if number != self.period or outcome == "cancelled":
            return
        if kind == "trial":
            self.good += outcome == "good"
            if outcome == "bad":
                self.turn("open")
            elif self.good >= self.successes:
                self.turn("closed")
            return
        self.past.append(outcome == "bad")
        self.streak = self.streak + 1 if outcome == "bad" else 0
        if outcome == "bad" and self.too_much():
            self.turn("open")

    def too_much(self) -> bool:
        if self.size is None:
            return self.streak >= self.threshold
        if self.rate is None:
            return sum(self.past) >= self.threshold
        enough = min(self.minimum, self.size)
        return len(self.past) >= enough and sum(self.past) >= self.rate * len(self.past)

    @rule(seconds=st.sampled_from([1.0, 5.0, 10.0]))
    def pass_time(self, seconds) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from([-1, 1]))
    def step_the_wall_clock(self, hours) -> None:
        self.clock.step_wall(hours * 3600)

    @rule(act=st.sampled_from(["reset", "force_open", "allow_half_open"]))
    def interfere(self, act) -> None:
        getattr(self.breaker, act)()
        if act == "allow_half_open" and self.state == "closed":
            return
        self.turn({"reset": "closed", "force_open": "open", "allow_half_open": "half_open"}[act], act == "force_open")

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "breaker"):
            return
        self.probe()
        state = self.breaker.get_state()
        assert state["state"] == self.state
        assert state["half_open_calls"] == self.trials <= self.permits
        assert state["consecutive_failures"] == self.streak or self.state != "closed"
        if self.state == "closed" and self.size is not None:
            assert (state["calls"], state["failure_count"]) == (len(self.past), sum(self.past))


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
