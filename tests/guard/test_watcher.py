"""The thread that keeps guards in touch."""

import gc
import threading

from paramedic.guard import CircuitBreaker
from paramedic.guard.watcher import INTERVAL_S, WATCHER, Watcher


class Guard:
    """Counts what is asked of it."""

    kind, name = "breaker", "x"

    def __init__(self, error=None):
        self.ticks, self.error, self.forks = 0, error, 0

    def tick(self):
        self.ticks += 1
        if self.error:
            raise self.error

    def report(self):
        return {}

    def forked(self):
        self.forks += 1


def watchers():
    return [each for each in threading.enumerate() if each is WATCHER._thread]


def test_nothing_runs_before_the_first_use(living_watcher) -> None:
    """Modules may build guards while a server still forks; the first use starts one thread, once."""
    before = len(watchers())
    breaker = CircuitBreaker(name="lazy")
    assert len(watchers()) == before
    assert breaker.closed_period is None
    with breaker:
        pass
    assert len(watchers()) == before + 1
    assert all(each.daemon for each in watchers())
    assert breaker.closed_period is not None
    CircuitBreaker(name="lazy too").get_state()
    assert len(watchers()) == before + 1
    assert [each.name for each in living_watcher.guards()] == ["lazy"] or len(living_watcher.guards()) == 2


def test_a_woken_watcher_looks_at_once(living_watcher, monkeypatch) -> None:
    """And by itself again and again."""
    monkeypatch.setattr("paramedic.guard.watcher.INTERVAL_S", 60)
    looked = threading.Event()
    guard = Guard()
    monkeypatch.setattr(guard, "tick", looked.set)
    living_watcher.watch(guard)
    assert looked.wait(20)
    looked.clear()
    living_watcher.wake()
    assert looked.wait(20)


def test_between_two_looks_the_watcher_sleeps(monkeypatch) -> None:
    """And so shortly that an order is seen within a second."""
    assert 2 * INTERVAL_S < 1.0
    watcher, happened = Watcher(), []

    class Wake:
        def wait(self, timeout):
            happened.append(timeout)

        def clear(self):
            happened.append("clear")
            if len(happened) >= 6:
                watcher._thread = None

    def look():
        happened.append("look")
        assert len(happened) < 9
        watcher._thread = threading.current_thread()

    monkeypatch.setattr(watcher, "_wake", Wake())
    monkeypatch.setattr(watcher, "look", look)
    watcher._thread = threading.current_thread()
    watcher._run()
    assert happened == ["look", INTERVAL_S, "clear"] * 2


def test_the_watcher_is_known_by_its_name(living_watcher) -> None:
    """To who lists the threads of a program."""
    guard = Guard()
    living_watcher.watch(guard)
    assert living_watcher._thread.name == "paramedic-guard"


def test_the_trouble_of_one_is_not_anothers_and_told_once(caplog) -> None:
    """Until it passes and comes again."""
    watcher = Watcher()
    bad, good = Guard(ValueError("broken")), Guard()
    watcher._guards.update([bad, good])
    watcher.look()
    watcher.look()
    assert (bad.ticks, good.ticks) == (2, 2)
    assert caplog.text.count("the watcher cannot look after `breaker x`: ValueError('broken')") == 1
    bad.error = None
    watcher.look()
    bad.error = ValueError("broken")
    watcher.look()
    assert [each.getMessage() for each in caplog.records] == [
        "the watcher cannot look after `breaker x`: ValueError('broken')"
    ] * 2
    assert {each.name for each in caplog.records} == {"paramedic.guard"}


def test_the_trouble_of_the_sdk_is_told_like_any_other(caplog, monkeypatch) -> None:
    """And guards are looked after without it."""
    import opentelemetry.sdk.metrics  # noqa: F401 - a program that measures has it

    monkeypatch.setattr("paramedic.guard.telemetry.export", lambda _guards: 1 / 0)
    watcher, guard = Watcher(), Guard()
    watcher._guards.add(guard)
    watcher.look()
    assert guard.ticks == 1
    assert [each.getMessage() for each in caplog.records] == [
        "the watcher cannot look after `metrics`: ZeroDivisionError('division by zero')"
    ]


def test_without_the_folder_guards_are_still_looked_after(monkeypatch, caplog, tmp_path) -> None:
    """Outside is gone, inside goes on."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(tmp_path / "file"))
    watcher, guard = Watcher(), Guard()
    watcher._guards.add(guard)
    watcher.look()
    assert guard.ticks == 1
    assert "the watcher cannot look after `orders`" in caplog.text
    assert "the watcher cannot look after `report`" in caplog.text


def test_who_leaves_is_touched_by_no_look_any_more(monkeypatch) -> None:
    """What closes a file after it left must not find it opened again by the end of a look."""
    monkeypatch.setattr("paramedic.guard.watcher._PATIENCE_S", 20)
    watcher, guard = Watcher(), Guard()
    begun, go_on, ended, left = (threading.Event() for _ in range(4))
    watcher._guards.add(guard)

    def tick():
        begun.set()
        go_on.wait(20)
        ended.set()

    def leave():
        watcher.leave(guard)
        assert ended.is_set()
        left.set()

    monkeypatch.setattr(guard, "tick", tick)
    threads = [threading.Thread(target=watcher.look), threading.Thread(target=leave)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    while guard in watcher.guards():
        pass
    assert not left.wait(0.05)
    go_on.set()
    assert left.wait(20)
    for each in threads:
        each.join(20)
    assert watcher._looking.acquire(blocking=False)


def test_who_leaves_does_not_wait_for_ever_for_a_look_that_waits_for_it(monkeypatch) -> None:
    """Nor at all where it is the look itself."""
    monkeypatch.setattr("paramedic.guard.watcher._PATIENCE_S", 0.01)
    watcher, guard = Watcher(), Guard()
    watcher._guards.add(guard)
    monkeypatch.setattr(guard, "tick", lambda: watcher.leave(guard))
    watcher.look()
    assert guard not in watcher.guards()
    held, go_on = threading.Event(), threading.Event()

    def look():
        with watcher._looking:
            held.set()
            go_on.wait(20)

    looking = threading.Thread(target=look)
    looking.start()
    assert held.wait(20)
    watcher.leave(guard)
    assert looking.is_alive()
    go_on.set()
    looking.join(20)


def test_a_guard_that_nobody_uses_any_more_is_let_go() -> None:
    """The watcher holds none alive."""
    guard = Guard()
    WATCHER.watch(guard)
    assert WATCHER.guards() == [guard]
    WATCHER.leave(guard)
    assert WATCHER.guards() == []
    WATCHER.watch(guard)
    del guard
    gc.collect()
    assert WATCHER.guards() == []


def test_a_fork_waits_for_the_look_that_runs_but_not_for_ever(monkeypatch) -> None:
    """The child inherits nothing half done."""
    watcher = Watcher()
    watcher._before_fork()
    tried = []
    other = threading.Thread(target=lambda: tried.append(watcher._looking.acquire(blocking=False)))
    other.start()
    other.join()
    assert tried == [False]
    watcher._after_fork()
    other = threading.Thread(target=lambda: tried.append(watcher._looking.acquire(blocking=False)))
    other.start()
    other.join()
    assert tried == [False, True]
    waited = []

    class Busy:
        def acquire(self, timeout):
            waited.append(timeout)
            return False

    monkeypatch.setattr(watcher, "_looking", Busy())
    watcher._before_fork()
    assert waited == [1.0]
    watcher._after_fork()


def test_the_child_of_a_fork_starts_anew() -> None:
    """Locks, thread and post are new; each guard is told."""
    watcher, guard = Watcher(), Guard()
    watcher._guards.add(guard)
    watcher.look()
    watcher._lock.acquire()
    watcher._before_fork()
    watcher._forked()
    assert watcher._looking.acquire(blocking=False)
    assert guard.forks == 1
    assert watcher._post is None
    assert watcher._thread is None
    assert watcher.guards() == [guard]
