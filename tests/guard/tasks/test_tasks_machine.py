"""The queue of failed calls, whatever is done to it in whatever order."""

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from failing_calls import Down
from paramedic.guard import FailedTaskQueue
from paramedic.guard.testing import ManualClock


class Queue(RuleBasedStateMachine):
    """Calls are added, fail, succeed, are killed in the middle, and time passes: none is lost, none made after its word."""

    @initialize()
    def build(self) -> None:
        for each in Path.cwd().glob("machine.sqlite*"):
            each.unlink()
        self.clock = ManualClock()
        self.added: set[str] = set()
        self.acknowledged: set[str] = set()
        self.again: list[str] = []
        self.outcome = "good"
        self.open()

    def open(self) -> None:
        self.queue = FailedTaskQueue(
            "machine.sqlite", handlers={"x": self.handler}, max_retries=4, clock=self.clock, seed=3
        )

    def handler(self, task_id) -> None:
        if task_id in self.acknowledged:
            self.again.append(task_id)
        if self.outcome == "bad":
            raise Down
        if self.outcome == "killed":
            raise SystemExit
        self.just_made.append(task_id)

    @rule(number=st.integers(0, 30))
    def add(self, number) -> None:
        self.queue.add("x", task_id=f"t{number}")
        self.added.add(f"t{number}")

    @rule(outcome=st.sampled_from(["good", "bad"]))
    def work(self, outcome) -> None:
        self.outcome, self.just_made = outcome, []
        self.queue.run_due()
        self.acknowledged |= set(self.just_made)

    @rule()
    def die(self) -> None:
        """The process ends with a call claimed; another one opens the file."""
        self.queue._file._owner = "999999999-1"
        self.queue._file.claim(self.clock.wall(), self.clock.wall() + 300)
        self.queue.close()
        self.open()

    @precondition(lambda self: self.queue.dead_letters())
    @rule(revive=st.booleans())
    def decide(self, revive) -> None:
        dead = self.queue.dead_letters()[0]
        assert dead.id not in self.acknowledged
        if revive:
            assert self.queue.revive(dead.id)
        else:
            assert self.queue.discard(dead.id)
            self.added.discard(dead.id)

    @rule(seconds=st.sampled_from([1, 10, 3000]))
    def pass_time(self, seconds) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from([-1, 1]))
    def step_the_wall_clock(self, hours) -> None:
        self.clock.step_wall(hours * 3600)

    @invariant()
    def nothing_is_lost_and_nothing_made_again(self) -> None:
        if not hasattr(self, "queue"):
            return
        found = self.queue.counts()
        assert sum(found.values()) == len(self.added)
        assert found["done"] == len(self.acknowledged & self.added)
        assert self.again == []

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.queue.close()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
