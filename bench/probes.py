"""How fast, how punctual and how small `paramedic watch` is with a thousand HTTP endpoints.

The endpoints are a local stub in a process of its own; everything else is real: the service file, the scheduler, the
runner, fresh connections, the store. Each number is measured from outside, by the stub and by what the store holds.
Usage: ``python bench/probes.py [--endpoints 1000] [--core 0] [--json FILE]``
"""

import argparse
import json
import math
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from paramedic.model.clock import SystemClock
from paramedic.store import read_store

STUB = Path(__file__).with_name("probe_stub.py")
HUNG = 50
PATIENCE_S = 120.0
MEASURE_S = 15.0
LATENESS_EVERY_S = 5.0
PINNED = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.executable, sys.argv[2:])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured number and what it should be."""

    what: str
    measured: float
    unit: str
    target: float
    more_is_better: bool = False
    remark: str = ""

    @property
    def is_reached(self) -> bool:
        return self.measured >= self.target if self.more_is_better else self.measured <= self.target


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stub() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-I", str(STUB), str(port)])
    try:
        until(lambda: arrivals(f"http://127.0.0.1:{port}") is not None)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def arrivals(address: str) -> dict[str, list[float]] | None:
    """When requests came since the last question, by path; ``None`` while nobody answers."""
    try:
        with urllib.request.urlopen(f"{address}/arrivals", timeout=10) as answer:
            return dict(json.load(answer))
    except OSError:
        return None


def until(look: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not look():
        if time.monotonic() > end:
            raise SystemExit("the bench waited in vain; the machine may be overloaded")
        time.sleep(0.05)


@contextmanager
def watching(folder: Path, address: str, *, endpoints: int, hung: int, every_s: float, core: int) -> Iterator[int]:
    """`paramedic watch` over the endpoints, pinned to one core; gives its pid."""
    lines = ["service: bench", "settings: {checks_at_once: 64}", "components:"]
    for kind, count in (("ok", endpoints), ("hung", hung)):
        lines += [
            f"  {kind}-{n}: {{kind: http, url: '{address}/{kind}/{n}', interval: {every_s:g}s, timeout: 3s}}"
            for n in range(count)
        ]
    (folder / "paramedic.yaml").write_text("\n".join(lines))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PINNED, str(core), sys.executable, "-m", "paramedic", "watch"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stored(folder: Path) -> list[float]:
    """When each finding in the store was made, in seconds of the wall clock."""
    store = read_store(f"sqlite:///{folder / '.paramedic' / 'paramedic.db'}", node="bench", clock=SystemClock())
    if store is None:
        return []
    try:
        with store.read() as tx:
            return [each.at.timestamp() for each in tx.findings.latest() if each.at and each.kind == "http"]
    finally:
        store.close()


def megabytes(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


def cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def lateness_ms(seen: dict[str, list[float]], every_s: float) -> list[float]:
    """How late each request came: looks are periodic, so the most punctual one of an endpoint tells when it was due."""
    late: list[float] = []
    for times in seen.values():
        turns = [round((each - times[0]) / every_s) for each in times]
        offsets = [each - turn * every_s for each, turn in zip(times, turns, strict=True)]
        late += [(each - min(offsets)) * 1000 for each in offsets]
    return late


def fast(endpoints: int, core: int) -> list[Row]:
    """Until the first probe of all, and how many a second when more is asked than can be done."""
    with tempfile.TemporaryDirectory() as place, stub() as address:
        folder, seen, began = Path(place), set[str](), time.monotonic()
        with watching(folder, address, endpoints=endpoints, hung=0, every_s=0.5, core=core) as pid:
            last = 0.0

            def all_seen() -> bool:
                nonlocal last
                for path, times in (arrivals(address) or {}).items():
                    if path not in seen:
                        seen.add(path)
                        last = max(last, times[0])
                return len(seen) == endpoints

            until(all_seen)
            start_cpu_s = cpu_s(pid)
            until(lambda: len(stored(folder)) == endpoints)
            in_store_s = time.monotonic() - began
            time.sleep(3)  # what the start itself costs is over
            arrivals(address)
            used, since = cpu_s(pid), time.monotonic()
            time.sleep(MEASURE_S)
            count = sum(map(len, (arrivals(address) or {}).values()))
            took_s, used_s = time.monotonic() - since, cpu_s(pid) - used
            newest = time.time() - min(stored(folder))
    return [
        Row(
            what=f"first probe of all {endpoints}",
            measured=last - began,
            unit="s",
            target=5,
            remark=f"with {start_cpu_s:.1f} s of CPU time; in the store after {in_store_s:.1f} s",
        ),
        Row(
            what="probes a second on one core",
            measured=count / took_s,
            unit="/s",
            target=500,
            more_is_better=True,
            remark=f"{count / used_s:.0f} per second of its CPU time, of which it got {100 * used_s / took_s:.0f} %; "
            f"oldest finding in the store {newest:.1f} s",
        ),
    ]


def punctual(endpoints: int, core: int) -> list[Row]:
    """How late probes come while 50 endpoints hang, and the memory of a thousand checks."""
    with tempfile.TemporaryDirectory() as place, stub() as address:
        every_s = LATENESS_EVERY_S
        with watching(Path(place), address, endpoints=endpoints, hung=HUNG, every_s=every_s, core=core) as pid:
            time.sleep(4 * every_s)  # the 50 are found and told, the looks are spread
            arrivals(address)
            time.sleep(6 * every_s)
            seen = arrivals(address) or {}
            rss = megabytes(pid)
    late = lateness_ms({path: times for path, times in seen.items() if path.startswith("/ok/")}, every_s)
    return [
        Row(
            what=f"lateness with {HUNG} hung, p99",
            measured=percentile(late, 0.99),
            unit="ms",
            target=250,
            remark=f"median {percentile(late, 0.5):.0f} ms, of {len(late)} probes",
        ),
        Row(what=f"memory at {endpoints + HUNG} checks", measured=rss, unit="MB", target=220),
    ]


def small(core: int) -> list[Row]:
    """The memory of a hundred checks."""
    with tempfile.TemporaryDirectory() as place, stub() as address:
        folder = Path(place)
        with watching(folder, address, endpoints=100, hung=0, every_s=1.0, core=core) as pid:
            until(lambda: len(stored(folder)) == 100)
            time.sleep(10)
            return [Row(what="memory at 100 checks", measured=megabytes(pid), unit="MB", target=120)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--part", choices=("fast", "punctual", "small"), action="append")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    parts = asked.part or ["fast", "punctual", "small"]
    rows: list[Row] = []
    if "fast" in parts:
        rows += fast(asked.endpoints, asked.core)
    if "punctual" in parts:
        rows += punctual(asked.endpoints, asked.core)
    if "small" in parts:
        rows += small(asked.core)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    print(f"paramedic {version('paramedic')}; {machine}\n")
    print("| what | measured | target | | remark |\n|---|---|---|---|---|")
    for row in rows:
        sign = ">=" if row.more_is_better else "<="
        verdict = "reached" if row.is_reached else "**missed**"
        print(f"| {row.what} | {row.measured:.1f} {row.unit} | {sign} {row.target:g} | {verdict} | {row.remark} |")
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        told = {"machine": machine, "rows": [{**asdict(each), "reached": each.is_reached} for each in rows]}
        asked.json.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
