"""Memory, performance and cardinality."""

import asyncio
import gc
import os
import resource
import sys
from pathlib import Path

import pytest

from paramedic.guard import LabelCap, MemoryMonitor, PerformanceMonitor
from paramedic.guard.memory import cgroup_limits, process_limit, process_rss


def monitor(clock, *readings, **settings):
    values = list(readings)
    return MemoryMonitor(
        limit_bytes=1000, rss=lambda: values.pop(0) if len(values) > 1 else values[0], clock=clock, **settings
    )


def kinds(guard):
    heard = []
    guard.listeners.add(lambda event: heard.append((event.kind, event.because)))
    return heard


def test_memory_levels_are_those_of_the_contract(clock) -> None:
    """85 % warning, 95 % critical of the limit."""
    for rss, level in ((849, "ok"), (850, "warning"), (949, "warning"), (950, "critical")):
        reading = monitor(clock, rss).check()
        assert (reading.level, reading.rss_bytes, reading.limit_bytes, reading.share) == (level, rss, 1000, rss / 1000)
        assert reading.relieved_bytes == 0


def test_garbage_is_collected_before_relief_is_called(clock, monkeypatch) -> None:
    """And what that brings is told."""
    called = []
    monkeypatch.setattr(gc, "collect", lambda: called.append("gc"))
    watched = monitor(clock, 900, 700)
    watched.on_pressure(called.append)
    reading = watched.check()
    assert (reading.level, reading.relieved_bytes, called) == ("ok", 200, ["gc"])
    called.clear()
    watched = monitor(clock, 990, 960, 860)

    @watched.on_pressure
    def relief(level):
        called.append(level)

    assert relief is not None
    watched.on_pressure(lambda level: 1 / 0)
    watched.on_pressure(called.append)
    reading = watched.check()
    assert called == ["gc", "critical", "critical"]
    assert (reading.level, reading.relieved_bytes) == ("warning", 130)
    called.clear()
    monitor(clock, 100).check()
    assert called == []


def test_turns_are_told_and_readings_kept(clock, caplog) -> None:
    """Once per turn."""
    watched = MemoryMonitor(limit_bytes=100 << 20, rss=lambda: share << 20, clock=clock)
    heard = kinds(watched)
    for share in (10, 90, 91, 99, 50, 50):  # noqa: B007 - read by the monitor
        watched.check()
        clock.advance(1)
    assert heard == [("warning", "90% of 100 MiB"), ("critical", "99% of 100 MiB"), ("ok", "50% of 100 MiB")]
    assert watched.history() == [
        (1_700_000_000.0 + number, mib << 20) for number, mib in enumerate((10, 90, 91, 99, 50, 50))
    ]
    assert watched.report() == {"level": "ok", "rss_bytes": 50 << 20, "limit_bytes": 100 << 20, "share": 0.5}
    assert MemoryMonitor(limit_bytes=5).report() == {"level": "unknown", "limit_bytes": 5}
    third = MemoryMonitor(limit_bytes=3, rss=lambda: 1)
    third.check()
    assert third.report()["share"] == 0.333


def test_memory_is_looked_at_as_often_as_was_said(clock) -> None:
    """By the watcher."""
    looks = []
    watched = MemoryMonitor(limit_bytes=10, rss=lambda: looks.append(1) or 1, every_s=5, clock=clock)
    for _ in range(11):
        watched.tick()
        clock.advance(1)
    assert len(looks) == 3


def test_memory_obeys(clock, caplog, monkeypatch) -> None:
    """`relieve` collects and calls what frees; trouble in it is logged."""
    called = []
    monkeypatch.setattr(gc, "collect", lambda: called.append("gc"))
    watched = monitor(clock, 100)
    watched.on_pressure(called.append)
    watched.on_pressure(lambda level: 1 / 0)
    assert watched.obey("relieve", {}) == "done"
    assert called == ["gc", "ordered"]
    assert [each[::2] for each in caplog.record_tuples] == [("paramedic.guard", "a relief for memory failed")]
    assert watched.obey("melt", {}) == "refused: memory knows no `melt`"


def test_memory_is_watched_between_start_and_stop(clock, living_watcher) -> None:
    """And not in the child of a fork."""
    watched = monitor(clock, 100)
    watched.start()
    assert watched in living_watcher.guards()
    watched.stop()
    assert watched not in living_watcher.guards()
    watched.start()
    watched._lock.acquire()
    watched.forked()
    assert watched not in living_watcher.guards()
    assert watched.check().level == "ok"


@pytest.mark.parametrize("settings", [{"warning": 0}, {"warning": 0.9, "critical": 0.8}, {"critical": 1.1}])
def test_levels_that_make_no_sense_are_refused(settings) -> None:
    """They are shares, in order."""
    with pytest.raises(ValueError, match=r"^`warning` and `critical` are shares of the limit, in this order$"):
        MemoryMonitor(**settings)
    assert MemoryMonitor(warning=1, critical=1).every_s == 5.0


def test_this_process_has_a_size_and_a_limit(monkeypatch, tmp_path) -> None:
    """Real ones."""
    import psutil

    real = psutil.Process().memory_info().rss
    assert abs(process_rss() - real) < 50 << 20
    assert 0 < process_limit() <= psutil.virtual_memory().total
    assert MemoryMonitor().limit_bytes == process_limit()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    monkeypatch.setattr(resource, "getrusage", {resource.RUSAGE_SELF: usage}.__getitem__)
    assert process_rss(tmp_path / "none") == usage.ru_maxrss * 1024
    monkeypatch.setattr(sys, "platform", "darwin")
    assert process_rss(tmp_path / "none") == usage.ru_maxrss


def test_the_tightest_limit_holds(tmp_path, monkeypatch) -> None:
    """Of the cgroups, the rlimit and the machine; no limit is none."""
    (tmp_path / "proc").write_text("0::/\n")
    for name, limit in (("machine", None), ("cgroup", 5000), ("max", "max"), ("absurd", 1 << 62), ("none", 0)):
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n")
        found = process_limit(tmp_path / "proc", tmp_path)
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        assert found == (5000 if name == "cgroup" else physical), name
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4000, 4000))
    assert process_limit(tmp_path / "proc", tmp_path) == 4000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 1))
    assert process_limit(tmp_path / "proc", tmp_path) == 1
    monkeypatch.setattr(resource, "getrlimit", lambda _: (-1, -1))
    assert process_limit(tmp_path / "proc", tmp_path) == physical
    monkeypatch.setitem(sys.modules, "resource", None)
    assert process_limit(tmp_path / "proc", tmp_path) == physical


def test_cgroups_of_both_versions_and_all_levels_are_found(tmp_path) -> None:
    """A container may see only some of them."""
    proc = tmp_path / "proc"
    proc.write_text("12:cpu:/a\n5:memory,hugetlb:/x/y\n0::/s/t\n")
    for place, name, limit in (
        ("s/t", "memory.max", "max"),
        ("s", "memory.max", "700"),
        ("", "memory.max", "900"),
        ("memory/x/y", "memory.limit_in_bytes", "300"),
        ("memory", "memory.limit_in_bytes", "500"),
        ("a", "memory.max", "1"),
    ):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / name).write_text(limit)
    (tmp_path.parent / "memory.max").write_text("1")
    assert sorted(cgroup_limits(proc, tmp_path)) == [300, 500, 700, 900]
    assert cgroup_limits(tmp_path / "none", tmp_path) == []


def filled(clock, *durations, errors=0, **settings):
    performance = PerformanceMonitor(clock=clock, **settings)
    for number, duration in enumerate(durations):
        performance.record(duration, error=number < errors)
    return performance


def test_performance_limits_are_those_of_the_contract(clock) -> None:
    """Mean over 5 s, p95 over 10 s, errors over 10 %; not at them."""
    assert filled(clock, *[5.0] * 20).judge().problems == ()
    assert filled(clock, *[5.1] * 20).judge().problems == ("mean 5.10 s over 5 s",)
    assert filled(clock, *[1.0] * 19, 60).judge().problems == ()
    assert filled(clock, *[1.0] * 18, 10.0, 10.0).judge().problems == ()
    assert filled(clock, *[1.0] * 18, 10.5, 10.1).judge().problems == ("p95 10.10 s over 10 s",)
    assert filled(clock, *[1.0] * 20, errors=2).judge().problems == ()
    assert filled(clock, *[1.0] * 20, errors=3).judge().problems == ("15% errors over 10%",)
    judged = filled(clock, *[1.0] * 18, 3, 3, errors=1).judge()
    assert (judged.samples, judged.mean_s, judged.p95_s, judged.error_rate, judged.judged) == (20, 1.2, 3, 0.05, True)


def test_nothing_is_judged_below_ten_samples(clock) -> None:
    """Nine bad ones say nothing; the tenth does."""
    performance = filled(clock, *[60] * 9)
    judged = performance.judge()
    assert (judged.samples, judged.mean_s, judged.p95_s, judged.error_rate, judged.problems, judged.judged) == (
        9,
        None,
        None,
        None,
        (),
        False,
    )
    performance.record(60)
    assert len(performance.judge().problems) == 2


def test_the_window_slides(clock) -> None:
    """Over the last hundred."""
    performance = filled(clock, *[60] * 100)
    for _ in range(95):
        performance.record(0)
    assert performance.judge().samples == 100
    assert performance.judge().problems == ()
    assert performance.judge().mean_s == 3.0


def test_a_block_is_measured(clock) -> None:
    """And a function; what it raises is an error."""
    performance = PerformanceMonitor(minimum_samples=1, clock=clock)
    with performance.measure():
        clock.advance(2)

    @performance.measure()
    def work():
        clock.advance(4)
        raise KeyError

    with pytest.raises(KeyError):
        work()
    judged = performance.judge()
    assert (judged.samples, judged.mean_s, judged.error_rate) == (2, 3, 0.5)
    with pytest.raises(KeyboardInterrupt), performance.measure():
        raise KeyboardInterrupt
    assert performance.judge().samples == 2


def test_turns_of_performance_are_told(clock) -> None:
    """When it gets bad and when it is well again."""
    performance = PerformanceMonitor(minimum_samples=1, window=1, clock=clock)
    heard = kinds(performance)
    stop = performance.listen(lambda event: heard.append(event.name))
    stop()
    for duration in (1, 6, 7, 20, 1, 1):
        performance.record(duration)
        performance.tick()
    assert heard == [("slow", "mean 6.00 s over 5 s"), ("well", "")]
    assert performance.report() == {"samples": 1, "mean_s": 1, "p95_s": 1, "error_rate": 0, "problems": []}
    assert performance.obey("reset", {}) == "done"
    assert performance.judge().samples == 0
    assert performance.obey("melt", {}) == "refused: performance knows no `melt`"


@pytest.mark.parametrize("duration", [-1, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused(duration) -> None:
    """A clock that went back."""
    with pytest.raises(ValueError, match=r"^a duration is a number of seconds, not `"):
        PerformanceMonitor().record(duration)


@pytest.mark.parametrize("settings", [{"minimum_samples": 0}, {"window": 5}, {"window": 0, "minimum_samples": 0}])
def test_windows_that_make_no_sense_are_refused(settings) -> None:
    """At least as long as the samples that it takes."""
    with pytest.raises(ValueError, match=r"^`minimum_samples` is at least 1 and at most `window`$"):
        PerformanceMonitor(**settings)


def test_a_performance_monitor_is_watched_from_its_first_sample(clock) -> None:
    """And anew in the child of a fork."""
    performance = PerformanceMonitor(clock=clock)
    assert performance.name == "performance"
    assert not performance._watched
    performance.record(1)
    assert performance._watched
    performance._lock.acquire()
    performance.forked()
    assert not performance._watched
    performance.record(0)
    assert performance._watched
    assert performance.judge().samples == 2


def test_values_above_the_cap_are_folded(clock) -> None:
    """The first keep their names, each label for itself, and the fold is told once."""
    cap = LabelCap(limit=2, clock=clock)
    heard = kinds(cap)
    assert [cap.fold("tenant", each) for each in "abacdb"] == ["a", "b", "a", "other", "other", "b"]
    assert cap.labels(tenant="z", model="m") == {"tenant": "other", "model": "m"}
    assert cap.folded == {"tenant": 3}
    assert heard == [("folded", "the label `tenant` has more than 2 values; further ones count as `other`")]
    assert cap.report() == {"limit": 2, "limits": {}, "values": {"tenant": 2, "model": 1}, "folded": {"tenant": 3}}


def test_a_cap_changes_while_it_runs() -> None:
    """Higher keeps names; lower gives them anew."""
    cap = LabelCap(limit=3)
    for each in "abcd":
        cap.fold("x", each)
    cap.cap("x", 4)
    assert cap.fold("x", "d") == "d"
    assert cap.obey("cap", {"label": "x", "limit": "2"}) == "done"
    assert [cap.fold("x", each) for each in "dcab"] == ["d", "c", "other", "other"]
    assert cap.report()["limits"] == {"x": 2}
    cap.cap("x", 2)
    assert [cap.fold("x", each) for each in "acd"] == ["other", "c", "d"]
    cap.cap("x", 1)
    assert [cap.fold("x", each) for each in "ac"] == ["a", "other"]
    assert cap.fold("y", "1") == "1"
    assert cap.obey("melt", {}) == "refused: metrics know no `melt`"
    for limit in (0, -1, 2.5):
        with pytest.raises(ValueError, match=r"^`limit` is at least 1, a whole number, not `"):
            cap.cap("x", limit)
        with pytest.raises(ValueError, match=r"^`limit` is at least 1, a whole number, not `"):
            LabelCap(limit=limit)
    assert LabelCap(limit=1).fold("a", "b") == "b"
    assert (LabelCap().limit, LabelCap().name) == (100, "labels")


def test_a_cap_is_watched_from_its_first_value() -> None:
    """And anew in the child of a fork."""
    cap = LabelCap()
    assert not cap._watched
    cap.fold("a", "b")
    assert cap._watched
    cap._lock.acquire()
    cap.forked()
    assert not cap._watched
    assert cap.fold("a", "c") == "c"
    assert cap._watched
    cap.tick()
    assert Path.cwd().exists()


def test_the_slow_end_is_the_nearest_rank_in_a_large_window_too() -> None:
    """Of 200 calls the 190th."""
    monitor = PerformanceMonitor(window=200)
    for seconds in range(200, 0, -1):
        monitor.record(seconds)
    assert monitor.judge().p95_s == 190


def test_the_limit_that_is_in_force_counts(monkeypatch, tmp_path) -> None:
    """Not the one that it may be raised to."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1 << 20, 1 << 21))
    assert process_limit(tmp_path / "none", tmp_path) == 1 << 20


def test_everything_that_is_over_its_limit_is_told_together(clock) -> None:
    """In one event."""
    heard = []
    monitor = PerformanceMonitor(minimum_samples=1, clock=clock, listener=lambda event: heard.append(event.because))
    monitor.record(20, error=True)
    monitor.tick()
    assert heard == ["mean 20.00 s over 5 s, p95 20.00 s over 10 s, 100% errors over 10%"]


def test_what_nobody_measures_is_forgotten() -> None:
    """The oldest first; ten thousand calls are kept for the next look."""
    monitor = PerformanceMonitor()
    for number in range(10_001):
        monitor.record(number)
    assert (len(monitor.unmeasured), monitor.unmeasured[0]) == (10_000, (1, False))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"limit_bytes": 0}, "`limit_bytes` is a whole number of at least 1, not `0`"),
        ({"limit_bytes": float("nan")}, "`limit_bytes` is a whole number of at least 1, not `nan`"),
        ({"limit_bytes": "1G"}, "`limit_bytes` is a whole number of at least 1, not `1G`"),
        ({"every_s": float("nan")}, "`every_s` is a number of seconds, not `nan`"),
        ({"every_s": -1}, "`every_s` is a number of seconds, not `-1`"),
    ],
)
def test_what_a_memory_monitor_cannot_look_by_is_refused(settings, complaint) -> None:
    """By name."""
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        MemoryMonitor(**settings)
    assert MemoryMonitor(limit_bytes=1, every_s=0).limit_bytes == 1


def test_relief_may_ask_the_monitor(clock) -> None:
    """What it reads and even a look of its own do not wait for the look that called it, nor call relief again."""
    rss = [90]
    monitor = MemoryMonitor(limit_bytes=100, rss=lambda: rss[0], clock=clock)
    asked = []

    @monitor.on_pressure
    def relieve(level):
        asked.append((level, len(monitor.history()), monitor.check().level))
        rss[0] = 50

    assert monitor.check().level == "ok"
    assert asked == [("warning", 0, "warning")]
    rss[0] = 96
    assert monitor.check().level == "ok"
    assert [each[0] for each in asked] == ["warning", "critical"]


@pytest.mark.parametrize("limit", ["mean_s", "p95_s", "error_rate"])
def test_limits_that_judge_nothing_are_refused(limit) -> None:
    """Nothing is over what is no number."""
    for value in (float("nan"), -1, "5"):
        with pytest.raises(ValueError, match=f"^`{limit}` is a number of at least 0, not `{value}`$"):
            PerformanceMonitor(**{limit: value})
    assert PerformanceMonitor(**{limit: 0}).judge().problems == ()


async def test_an_async_function_is_measured_until_it_has_ended(clock) -> None:
    """By the same decorator; what it raises counts."""
    monitor = PerformanceMonitor(minimum_samples=1, clock=clock)

    @monitor.measure()
    async def ask(error=None):
        await asyncio.sleep(0)
        clock.advance(2)
        if error:
            raise error

    await ask()
    assert (monitor.judge().mean_s, monitor.judge().error_rate) == (2, 0)
    with pytest.raises(KeyError):
        await ask(KeyError())
    with pytest.raises(asyncio.CancelledError):
        await ask(asyncio.CancelledError())
    assert (monitor.judge().samples, monitor.judge().error_rate) == (2, 0.5)
    assert ask.__name__ == "ask"
