"""A queue of failed calls, for tests: what it was told to deliver, and how it stands."""

from failing_calls import Down
from paramedic.guard import FailedTaskQueue

made_broken: list[int] = []


def built(made, clock, outcome=None, **settings):
    def deliver(*args, task_id, **kwargs):
        made.append((task_id, args, kwargs))
        if outcome:
            outcome()
        if made_broken:
            raise Down("gone")

    return FailedTaskQueue("q.sqlite", handlers={"deliver": deliver}, clock=clock, seed=1, **settings)


def counts(queue):
    found = queue.counts()
    return found["waiting"], found["running"], found["done"], found["dead"]
