"""What all guards have in common."""

import dataclasses
import importlib
import pkgutil

import pytest

import paramedic.guard
from paramedic.guard import (
    BudgetTripwire,
    CircuitBreaker,
    FailedTaskQueue,
    FeatureFlags,
    LabelCap,
    MemoryMonitor,
    PerformanceMonitor,
    listen,
)
from paramedic.guard.events import RECENT
from paramedic.guard.ledger import Ledger
from paramedic.guard.watcher import WATCHER, Watcher


def cap(**settings):
    guard = LabelCap(limit=1, **settings)
    return guard, lambda: (guard.fold("x", "1"), guard.fold("x", "2"))


def memory(**settings):
    guard = MemoryMonitor(limit_bytes=10, rss=lambda: 9, **settings)
    return guard, lambda: (guard.start(), guard.check())


def performance(**settings):
    guard = PerformanceMonitor(minimum_samples=1, **settings)
    return guard, lambda: (guard.record(60), guard.tick())


def breaker(**settings):
    guard = CircuitBreaker(**settings)
    return guard, guard.force_open


def tripwire(**settings):
    guard = BudgetTripwire("state.json", **settings)
    return guard, lambda: guard.record(120, 100)


def flags(**settings):
    guard = FeatureFlags({}, **settings)
    return guard, lambda: (guard.is_enabled("x"), guard.override("x", True))


def queue(**settings):
    guard = FailedTaskQueue("q.sqlite", handlers={"x": lambda: 1 / 0}, **settings)
    return guard, lambda: guard.call("x")


@pytest.mark.parametrize(
    "make", [cap, memory, performance, breaker, tripwire, flags, queue], ids=lambda make: make.__name__
)
def test_a_guard_has_a_name_a_listener_and_a_watcher_from_its_first_use(make, clock) -> None:
    """The listener given at construction hears its events, with its name and the time of its clock."""
    heard = []
    guard, use = make(name="mine", listener=heard.append, clock=clock)
    assert guard.name == "mine"
    assert guard not in WATCHER.guards()
    use()
    assert guard in WATCHER.guards()
    assert {(each.guard, each.name, each.at) for each in heard} == {(guard.kind, "mine", "2023-11-14T22:13:20+00:00")}
    make(clock=clock)[1]()
    assert len({each.name for each in heard}) == 1


@pytest.mark.parametrize("make", [cap, performance, breaker, tripwire, flags, queue], ids=lambda make: make.__name__)
def test_a_guard_asks_to_be_watched_once(make, clock, monkeypatch) -> None:
    """Every further use is as cheap as can be."""
    asked = []
    monkeypatch.setattr(Watcher, "watch", lambda _, guard: asked.append(guard))
    guard, use = make(clock=clock)
    use()
    use()
    assert asked == [guard]


@pytest.mark.parametrize(
    "make", [cap, memory, performance, breaker, tripwire, flags, queue], ids=lambda make: make.__name__
)
def test_in_the_child_of_a_fork_a_guard_is_watched_from_its_next_use(make, clock) -> None:
    """As in the process that it was built in."""
    guard, use = make(clock=clock)
    use()
    WATCHER.leave(guard)
    guard.forked()
    assert guard not in WATCHER.guards()
    use()
    assert guard in WATCHER.guards()


def test_what_is_shared_is_told_at_once(clock, tmp_path) -> None:
    """The watcher is woken, not waited for."""
    shared = CircuitBreaker(shared=str(tmp_path / "s.sqlite"), clock=clock)
    WATCHER._wake.clear()
    shared.force_open()
    assert WATCHER._wake.is_set()


def test_a_ledger_says_whether_it_is_another(tmp_path) -> None:
    """True only if what it holds changed."""
    path = tmp_path / "ledger.json"
    one, two = (Ledger(path, dict, lambda kind, reason: None) for _ in range(2))
    assert one.refresh() is False
    with two.change() as state:
        state["a"] = 1
    assert one.refresh() is True
    assert one.refresh() is False
    two.write()
    assert one.refresh() is False
    path.unlink()
    assert one.refresh() is False
    path.write_text("garbage")
    assert one.refresh() is False


def test_the_last_events_are_kept() -> None:
    """Two hundred, for who looks from outside."""
    assert RECENT.maxlen == 200


def test_values_are_frozen_slotted_and_named() -> None:
    """Nobody changes a value under a guard's hands; a clock alone is given by position."""
    found = set()
    for module in pkgutil.iter_modules(paramedic.guard.__path__):
        name = f"paramedic.guard.{module.name}"
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == name:
                found.add(value.__name__)
                assert value.__dataclass_params__.frozen, value
                assert "__slots__" in vars(value), value
                named = {each.kw_only for each in dataclasses.fields(value)}
                assert named == {value.__name__ not in ("Clock", "ManualClock")}, value
    assert {"Clock", "Window", "BreakerSettings", "TripCondition", "GuardEvent", "Problem", "Task"} <= found


@pytest.mark.parametrize(
    "make", [cap, memory, performance, breaker, tripwire, flags, queue], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("name", [None, 5, ""])
def test_a_name_is_a_text(make, name) -> None:
    """Else orders would not find it, and what is shown outside could not be sorted."""
    with pytest.raises(ValueError, match=f"^a guard's `name` is a text, not `{name!r}`$"):
        make(name=name)


async def nobody_awaits(_event):
    """What a program with an event loop would like to give."""


@pytest.mark.parametrize("given", [5, nobody_awaits], ids=["none", "async"])
def test_what_is_called_back_is_a_plain_function(given) -> None:
    """It is refused when it is given, not each time that something happens, or silently."""
    for give in (CircuitBreaker().listen, listen, MemoryMonitor().on_pressure):
        with pytest.raises(TypeError, match=r"is a plain function, not `.*`: nobody would await it$"):
            give(given)


@pytest.mark.parametrize("make", [tripwire, queue], ids=lambda make: make.__name__)
def test_what_is_closed_is_watched_again_from_its_next_use(make, clock) -> None:
    """And by nobody until then."""
    guard, use = make(clock=clock)
    use()
    guard.close()
    assert guard not in WATCHER.guards()
    use()
    assert guard in WATCHER.guards()
