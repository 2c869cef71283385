"""The guard table: paramedic.guard beside its peers, in one process, in interleaved rounds.

Every number is the median over rounds of a short burst; the order of the competitors changes every round, so that what
else the machine does falls on all alike. An overhead is the time of a guarded call less that of the bare one.

    python bench/guard.py [--rounds 60] [--json FILE] [--markdown FILE]
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PEERS = (
    "circuitbreaker",
    "purgatory",
    "pybreaker",
    "aiobreaker",
    "interlock-cb",
    "fluxgate",
    "agentbudget",
    "openfeature-sdk",
)
CALLS = 1000

Call = Callable[[], Any]


def good() -> int:
    return 1


async def good_async() -> int:
    return 1


def bad() -> None:
    raise KeyError


def many(call: Call, clock: Call = time.thread_time) -> float:
    """Nanoseconds of one call in a burst; what else the machine does does not count."""
    calls = range(CALLS)
    begun = clock()
    for _ in calls:
        call()
    return (clock() - begun) / CALLS * 1e9


async def many_async(call: Call) -> float:
    calls = range(CALLS)
    begun = time.thread_time()
    for _ in calls:
        await call()
    return (time.thread_time() - begun) / CALLS * 1e9


def medians(calls: dict[str, Call], rounds: int, *, asynchronous: bool = False) -> dict[str, float]:
    """The median over interleaved rounds, per competitor."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            found[name].append(asyncio.run(many_async(calls[name])) if asynchronous else many(calls[name]))
    gc.enable()
    return {name: statistics.median(each) for name, each in found.items()}


def ours(**settings: Any) -> Any:
    from paramedic.guard import CircuitBreaker

    return CircuitBreaker(name="bench", **settings)


CALLS_WINDOW = {"calls": 100, "failure_rate": 0.5, "slow_call_rate": 0.5, "slow_call_s": 2.0}
TIME_WINDOW = {"seconds": 60, "failure_rate": 0.5, "slow_call_rate": 0.5, "slow_call_s": 2.0}


def closed_sync() -> dict[str, Call]:
    import aiobreaker
    import circuitbreaker
    import fluxgate
    import interlock
    import purgatory
    import pybreaker
    from fluxgate.trippers import FailureRate, MinRequests, SlowRate

    fluxgate_rates = MinRequests(10) & (FailureRate(0.5) | SlowRate(0.5, threshold=2.0))
    return {
        "bare": good,
        "paramedic, last 100 calls": ours(window=CALLS_WINDOW)(good),
        "paramedic, last 60 s": ours(window=TIME_WINDOW)(good),
        "paramedic, consecutive": ours()(good),
        "circuitbreaker": circuitbreaker.CircuitBreaker(name="closed-sync")(good),
        "purgatory": purgatory.SyncCircuitBreakerFactory()("closed-sync")(good),
        "pybreaker": pybreaker.CircuitBreaker()(good),
        "aiobreaker": aiobreaker.CircuitBreaker()(good),
        "interlock-cb": interlock.CircuitBreaker(name="c", config=interlock.Config(slow_call_rate_threshold=0.5))(good),
        "fluxgate": fluxgate.CircuitBreaker(tripper=fluxgate_rates)(good),
    }


def closed_async() -> dict[str, Call]:
    import aiobreaker
    import circuitbreaker
    import fluxgate
    import interlock
    import purgatory
    from fluxgate.trippers import FailureRate, MinRequests, SlowRate

    fluxgate_rates = MinRequests(10) & (FailureRate(0.5) | SlowRate(0.5, threshold=2.0))
    return {
        "bare": good_async,
        "paramedic, last 100 calls": ours(window=CALLS_WINDOW)(good_async),
        "paramedic, last 60 s": ours(window=TIME_WINDOW)(good_async),
        "paramedic, consecutive": ours()(good_async),
        "circuitbreaker": circuitbreaker.CircuitBreaker(name="closed-async")(good_async),
        "purgatory": purgatory.AsyncCircuitBreakerFactory()("closed-async")(good_async),
        "aiobreaker": aiobreaker.CircuitBreaker()(good_async),
        "interlock-cb": interlock.CircuitBreaker(name="a", config=interlock.Config(slow_call_rate_threshold=0.5))(
            good_async
        ),
        "fluxgate": fluxgate.AsyncCircuitBreaker(tripper=fluxgate_rates)(good_async),
    }


def closed_with() -> dict[str, Call]:
    import circuitbreaker
    import interlock

    def within(breaker: Any) -> Call:
        def call() -> None:
            with breaker:
                pass

        return call

    return {
        "bare": lambda: None,
        "paramedic, last 100 calls": within(ours(window=CALLS_WINDOW)),
        "circuitbreaker": within(circuitbreaker.CircuitBreaker(name="with")),
        "interlock-cb": within(interlock.CircuitBreaker(name="w")),
    }


def swallowed(call: Call) -> Call:
    def swallow() -> None:
        try:  # noqa: SIM105 - suppress() would cost more than what is measured
            call()
        except Exception:
            pass

    return swallow


def opened(call: Call) -> Call:
    """A competitor's call after it has failed until it is refused."""
    for _ in range(200):
        with contextlib.suppress(Exception):
            call()
    return swallowed(call)


def rejected() -> dict[str, Call]:
    import circuitbreaker
    import fluxgate
    import interlock
    import purgatory
    import pybreaker
    from fluxgate.trippers import FailureStreak

    return {
        "bare": swallowed(bad),
        "paramedic, last 100 calls": opened(ours(window=CALLS_WINDOW)(bad)),
        "paramedic, last 60 s": opened(ours(window=TIME_WINDOW)(bad)),
        "circuitbreaker": opened(circuitbreaker.CircuitBreaker(name="open")(bad)),
        "purgatory": opened(purgatory.SyncCircuitBreakerFactory()("open")(bad)),
        "pybreaker": opened(pybreaker.CircuitBreaker()(bad)),
        "interlock-cb": opened(interlock.CircuitBreaker(name="o")(bad)),
        "fluxgate": opened(fluxgate.CircuitBreaker(tripper=FailureStreak(5))(bad)),
    }


def crowd(guard: Callable[[Call], Call], recover: Callable[[], None]) -> int:
    """How many of 20 threads get through a half-open breaker at once."""
    inside, release, together = [], threading.Event(), threading.Barrier(20)
    broken = True

    def dependency() -> None:
        if broken:
            raise KeyError
        inside.append(1)
        release.wait(5)

    call = guard(dependency)
    for _ in range(10):
        with contextlib.suppress(Exception):
            call()
    broken = False
    recover()

    def knock() -> None:
        together.wait(5)
        with contextlib.suppress(Exception):
            call()

    threads = [threading.Thread(target=knock) for _ in range(20)]
    for each in threads:
        each.start()
    time.sleep(0.5)
    count = len(inside)
    release.set()
    for each in threads:
        each.join()
    return count


def half_open() -> dict[str, int]:
    import aiobreaker
    import circuitbreaker
    import interlock
    import purgatory
    import pybreaker

    def wait() -> None:
        time.sleep(1.1)

    probing = interlock.Config(minimum_number_of_calls=5, wait_duration_in_open=1.0)
    return {
        "paramedic, half_open_max_calls=1": crowd(ours(recovery_timeout=1), wait),
        "paramedic, half_open_max_calls=3": crowd(ours(recovery_timeout=1, half_open_max_calls=3), wait),
        "circuitbreaker": crowd(circuitbreaker.CircuitBreaker(name="crowd", recovery_timeout=1), wait),
        "purgatory": crowd(purgatory.SyncCircuitBreakerFactory(default_ttl=1)("crowd"), wait),
        "aiobreaker": crowd(aiobreaker.CircuitBreaker(timeout_duration=timedelta(seconds=1)), wait),
        "pybreaker": crowd(pybreaker.CircuitBreaker(reset_timeout=1), wait),
        "interlock-cb (1 probe at once)": crowd(interlock.CircuitBreaker(name="crowd", config=probing), wait),
    }


def alternating() -> dict[str, str]:
    """After how many calls of which every second fails does it refuse?"""
    import aiobreaker
    import circuitbreaker
    import interlock
    import purgatory

    competitors = {
        "paramedic": (ours(window=CALLS_WINDOW), None),
        "circuitbreaker": (circuitbreaker.CircuitBreaker(name="alternating"), None),
        "purgatory": (purgatory.SyncCircuitBreakerFactory()("alternating"), None),
        "aiobreaker": (aiobreaker.CircuitBreaker(), None),
        "interlock-cb": (interlock.CircuitBreaker(name="alternating"), None),
    }
    found = {}
    for name, (breaker, _) in competitors.items():
        made = []

        def dependency(made: list[int] = made) -> None:
            made.append(1)
            if len(made) % 2:
                raise KeyError

        call = swallowed(breaker(dependency))
        for _ in range(1000):
            call()
        found[name] = "never" if len(made) == 1000 else f"after {len(made)} calls"
    return found


def tripwires() -> dict[str, Call]:
    from agentbudget import AgentBudget

    from paramedic.guard import BudgetTripwire

    folder = Path(tempfile.mkdtemp())
    tripwire = BudgetTripwire(folder / "state.json", limits={"default": 1e12})
    session = AgentBudget(max_spend="$100000000", loop_window_seconds=0).session().__enter__()
    answer = SimpleNamespace(model="gpt-4o", usage=SimpleNamespace(prompt_tokens=80, completion_tokens=24))
    session.wrap(answer)

    def reserve_and_commit() -> None:
        tripwire.reserve(10).commit(7)

    return {
        "paramedic record": lambda: tripwire.record(104, 100),
        "paramedic reserve + commit": reserve_and_commit,
        "agentbudget track": lambda: session.track(None, cost=0.0001),
        "agentbudget wrap (tokens of an answer)": lambda: session.wrap(answer),
    }


def breach() -> dict[str, Call]:
    """A breach is written to disk before `record` returns."""
    from paramedic.guard import BudgetTripwire

    tripwire = BudgetTripwire(Path(tempfile.mkdtemp()) / "state.json")
    return {"paramedic record of a breach, on disk (by the clock on the wall)": lambda: tripwire.record(120, 100)}


def flags() -> dict[str, Call]:
    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    from paramedic.guard import FeatureFlags

    ours = FeatureFlags({"on": True, "half": {"rollout_percent": 50}, "limited": {"categories": ["a"]}})
    api.set_provider(InMemoryProvider({"on": InMemoryFlag("on", {"on": True, "off": False})}))
    client = api.get_client()
    who = EvaluationContext(targeting_key="user-1")
    users = itertools.cycle([f"user-{number}" for number in range(100)])
    context = {"category": "a"}
    return {
        "paramedic, on": lambda: ours.is_enabled("on", "user-1"),
        "paramedic, 50 % of keys, a hundred keys": lambda: ours.is_enabled("half", next(users)),
        "paramedic, by category": lambda: ours.is_enabled("limited", "user-1", context),
        "openfeature-sdk in memory": lambda: client.get_boolean_value("on", False, who),
    }


def imports(rounds: int) -> dict[str, float]:
    """Milliseconds of processor time of an import in a fresh interpreter, less the interpreter's own start."""
    everything = "import paramedic.guard as g\nfor name in g.__all__: getattr(g, name)"
    programs = {
        "nothing": "pass",
        "asyncio": "import asyncio",
        "paramedic.guard": "import paramedic.guard",
        "paramedic.guard, CircuitBreaker": "from paramedic.guard import CircuitBreaker",
        "paramedic.guard, every name (with sqlite3)": everything,
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            child = subprocess.Popen([sys.executable, "-c", program])
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            assert child.returncode == 0
            found[name].append((used.ru_utime + used.ru_stime) * 1e3)
    start = statistics.median(found.pop("nothing"))
    return {name: statistics.median(times) - start for name, times in found.items()}


def section(title: str, rows: dict[str, Any], unit: str = "") -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:44} {value if not isinstance(value, float) else f'{value:12.1f}'} {unit}")


def less_bare(rows: dict[str, float]) -> dict[str, float]:
    bare = rows.pop("bare")
    return {name: value - bare for name, value in rows.items()}


def as_markdown(intro: list[str], results: dict[str, dict[str, Any]], ratios: dict[str, tuple[float, float]]) -> str:
    """The table for people."""
    lines = ["# The guards beside their peers", "", *intro, "", "| target | ratio | at most | |", "|---|---|---|---|"]
    for name, (ratio, target) in ratios.items():
        lines.append(f"| {name} | {ratio:.3f} | {target:.3f} | {'reached' if ratio <= target else '**missed**'} |")
    for title, rows in results.items():
        what, _, unit = title.rpartition("_") if title.endswith(("_ns", "_ms")) else (title, "", "")
        lines += ["", f"| {what.replace('_', ' ')} | {unit or 'result'} |", "|---|---|"]
        lines += [f"| {name} | {f'{each:,.0f}' if isinstance(each, float) else each} |" for name, each in rows.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    os.environ["PARAMEDIC_GUARD_DIR"] = tempfile.mkdtemp()
    versions = {name: version(name) for name in PEERS}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    intro = [
        f"{machine}. Processor time of a call, the bare call's taken off: medians of {options.rounds} interleaved",
        f"rounds of {CALLS} calls. Peers have their defaults, those that know windows and rates have them on:",
        f"{', '.join(f'{name} {number}' for name, number in versions.items())}.",
        "A ratio is that of the slowest of ours to circuitbreaker, agentbudget, openfeature-sdk, or `import asyncio`.",
    ]
    print("\n".join(intro))
    rounds = options.rounds
    results: dict[str, dict[str, Any]] = {
        "imports_ms": imports(max(5, rounds // 4)),
        "closed_sync_ns": less_bare(medians(closed_sync(), rounds)),
        "closed_async_ns": less_bare(medians(closed_async(), rounds, asynchronous=True)),
        "closed_with_ns": less_bare(medians(closed_with(), rounds)),
        "rejected_ns": less_bare(medians(rejected(), rounds)),
        "half_open_passed_of_20": half_open(),
        "alternating": alternating(),
        "tripwire_ns": medians(tripwires(), rounds),
        "breach_ns": {name: many(call, time.perf_counter) for name, call in breach().items()},
        "flags_ns": medians(flags(), rounds),
    }
    for title, rows in results.items():
        section(title, rows)
    sync, asynchronous = results["closed_sync_ns"], results["closed_async_ns"]
    windows = ("paramedic, last 100 calls", "paramedic, last 60 s")
    refused, tripwire, flag, crowd_ = (
        results[each] for each in ("rejected_ns", "tripwire_ns", "flags_ns", "half_open_passed_of_20")
    )
    strangers = sum(abs(crowd_[f"paramedic, half_open_max_calls={permits}"] - permits) for permits in (1, 3))
    slowest_flag = max(value for name, value in flag.items() if name.startswith("paramedic"))
    ratios = {
        "closed, sync, windows and rates": (max(sync[each] for each in windows) / sync["circuitbreaker"], 1.0),
        "closed, async, windows and rates": (
            max(asynchronous[each] for each in windows) / asynchronous["circuitbreaker"],
            1.0,
        ),
        "open, rejected": (max(refused[each] for each in windows) / refused["circuitbreaker"], 0.75),
        "half open, 20 threads: calls beside the permits": (strangers, 0),
        "alternating failures: 0 if it opens": (float(results["alternating"]["paramedic"] == "never"), 0),
        "tripwire, one record": (tripwire["paramedic record"] / tripwire["agentbudget track"], 1 / 3),
        "flags, the slowest of ours": (slowest_flag / flag["openfeature-sdk in memory"], 1 / 20),
        "import": (results["imports_ms"]["paramedic.guard"] / results["imports_ms"]["asyncio"], 1.0),
    }
    print("\ntargets (ratio to circuitbreaker 2.1.3, agentbudget, openfeature-sdk, import asyncio)")
    for name, (ratio, target) in ratios.items():
        print(f"  {'reached' if ratio <= target else 'MISSED '} {name:48} {ratio:.3f} <= {target:.3f}")
    if options.json:
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        judged = {
            name: {"ratio": ratio, "target": target, "reached": ratio <= target}
            for name, (ratio, target) in ratios.items()
        }
        table = {"machine": machine, "versions": versions, "results": results, "targets": judged}
        Path(options.json).write_text(json.dumps(table, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(intro, results, ratios))
    sys.exit(any(ratio > target for ratio, target in ratios.values()))


if __name__ == "__main__":
    main()
