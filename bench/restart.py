"""How long from kill -9 (and from SIGSTOP) to a new process that answers, beside other supervisors in the same run.

Every supervisor runs the same small service. Paramedic also records an incident and receipts; that is checked.
Usage: ``python bench/restart.py [--kills 30] [--hangs 5] [--json FILE]``
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil

from paramedic.demo.patient import tiny
from paramedic.model.clock import SystemClock
from paramedic.sdk.proc import holders
from paramedic.store import read_store

PATIENCE_S = 150.0
HANG_PATIENCE_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def service(port: int) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(tiny.__file__)), str(port)]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.2) as line:
            line.settimeout(0.2)
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return line.recv(16).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def wait_until(look: Callable[[], object], patience_s: float) -> float | None:
    began = time.perf_counter()
    while not look():
        if time.perf_counter() - began > patience_s:
            return None
        time.sleep(0.001)
    return time.perf_counter() - began


def listener(port: int) -> int:
    return next((each.pid for each in holders(port) if each.pid), 0)


def strike(port: int, number: signal.Signals, patience_s: float) -> float | None:
    """Seconds from the signal until another process answers; ``None`` when none does in time."""
    old = listener(port)
    os.kill(old, number)
    took = wait_until(lambda: answers(port) and listener(port) not in (0, old), patience_s)
    if took is None and number is signal.SIGSTOP:
        os.kill(old, signal.SIGCONT)
    return took


@contextmanager
def running(argv: list[str], folder: Path, port: int) -> Iterator[int]:
    log = (folder / "log").open("ab")
    process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        assert wait_until(lambda: answers(port), 60) is not None, (folder / "log").read_text()
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
        if pid := listener(port):
            os.kill(pid, signal.SIGKILL)
        log.close()


def paramedic(folder: Path, port: int) -> list[str]:
    (folder / "paramedic.yaml").write_text(
        f"""
service: bench
settings: {{crash_loop_exits: 100000, flapping_changes: 100000}}
components:
  tiny:
    kind: http
    url: http://127.0.0.1:{port}/
    interval: 1s
    timeout: 500ms
    process: {{command: {json.dumps(service(port))}, stop_timeout: 2s}}
"""
    )
    return [sys.executable, "-m", "paramedic", "watch"]


def supervisord(folder: Path, port: int) -> list[str]:
    (folder / "s.conf").write_text(
        f"[supervisord]\nnodaemon=true\n[program:tiny]\ncommand={' '.join(service(port))}\nstartretries=100000\n"
    )
    return [str(Path(sys.executable).parent / "supervisord"), "-c", "s.conf"]


def runit(folder: Path, port: int) -> list[str]:
    run = folder / "tiny" / "run"
    run.parent.mkdir()
    run.write_text(f"#!/bin/sh\nexec {' '.join(service(port))}\n")
    run.chmod(0o755)
    return ["runsv", "tiny"]


def monit(folder: Path, port: int) -> list[str]:
    start = folder / "start"
    start.write_text(f"#!/bin/sh\n{' '.join(service(port))} >/dev/null 2>&1 &\necho $! > {folder}/pid\n")
    start.chmod(0o755)
    control = folder / "monitrc"
    control.write_text(
        f"set daemon 1\nset statefile {folder}/state\nset idfile {folder}/id\nset pidfile {folder}/monit.pid\n"
        f'check process tiny with pidfile {folder}/pid\n  start program = "{start}"\n  stop program = "/bin/true"\n'
        f"  if failed port {port} protocol http with timeout 1 seconds then restart\n"
    )
    control.chmod(0o600)
    return ["monit", "-I", "-c", str(control)]


PEERS: dict[str, tuple[Callable[[Path, int], list[str]], str, Callable[[], str]]] = {
    "paramedic": (paramedic, "probe every 1 s, time-out 0.5 s", lambda: version("paramedic")),
    "supervisord": (supervisord, "as shipped", lambda: version("supervisor")),
    "runit": (runit, "as shipped", lambda: "Debian's runit"),
    "monit": (monit, "cycle of 1 s", lambda: subprocess.check_output(["monit", "-V"], text=True).splitlines()[0]),
}


def is_here(name: str) -> bool:
    program = {"runit": "runsv", "monit": "monit"}.get(name)
    return program is None or shutil.which(program) is not None


def settle(name: str, folder: Path) -> None:
    """Let the service live for a while: peers slow down for one that died within its first second."""
    time.sleep(1.2)
    if name == "paramedic":
        wait_until(lambda: not records(folder)["open"], 30)


def records(folder: Path) -> dict[str, int]:
    store = read_store(f"sqlite:///{folder}/.paramedic/paramedic.db", node=platform.node(), clock=SystemClock())
    if store is None:
        return {"open": 1, "incidents": 0, "receipts": 0}
    with store.begin() as tx:
        found = tx.incidents.list(limit=1000)
        receipts = [each for incident in found for plan in tx.plans.of(incident.id) for each in tx.receipts.of(plan.id)]
        count = {"open": len(tx.incidents.unresolved()), "incidents": len(found), "receipts": len(receipts)}
    store.close()
    return count


def measure(name: str, kills: int, hangs: int) -> dict[str, object]:
    prepare, settings, say_version = PEERS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    port = free_port()
    row: dict[str, object] = {"supervisor": name, "version": say_version(), "settings": settings}
    with running(prepare(folder, port), folder, port) as pid:
        time.sleep(2)  # monit and supervisord only count a service as started after a while
        times = []
        for _ in range(kills):
            took = strike(port, signal.SIGKILL, PATIENCE_S)
            times.append(PATIENCE_S if took is None else took)
            settle(name, folder)
        times.sort()
        row |= {
            "kill_median_s": round(statistics.median(times), 3),
            "kill_p99_s": round(times[min(len(times) - 1, int(len(times) * 0.99))], 3),
        }
        stops = []
        for _ in range(hangs):
            took = strike(port, signal.SIGSTOP, HANG_PATIENCE_S)
            stops.append(took)
            settle(name, folder)
            if took is None:
                break
        good = [each for each in stops if each is not None]
        row["hang_median_s"] = round(statistics.median(good), 3) if good else None
        if name == "paramedic":
            row |= {key: value for key, value in records(folder).items() if key != "open"}
            row["rss_mb"] = round(psutil.Process(pid).memory_info().rss / 1e6)
    shutil.rmtree(folder, ignore_errors=True)
    return row


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--kills", type=int, default=30)
    reader.add_argument("--hangs", type=int, default=5)
    reader.add_argument("--json", type=Path)
    asked = reader.parse_args()
    rows = []
    for name in PEERS:
        if not is_here(name):
            print(f"{name}: not on this machine (`make bench-restart-system` installs it)")
            continue
        rows.append(measure(name, asked.kills, asked.hangs))
        row = rows[-1]
        hang = f"{row['hang_median_s']} s" if row["hang_median_s"] else f"not within {HANG_PATIENCE_S:.0f} s"
        print(
            f"{name:<12} kill -9: median {row['kill_median_s']:.3f} s, p99 {row['kill_p99_s']:.3f} s"
            f"   hang: {hang}   ({row['version']}, {row['settings']})"
        )
    ours = rows[0]
    proof = f"{ours['incidents']} incidents with {ours['receipts']} receipts"
    print(f"paramedic recorded {proof}; `watch` holds {ours['rss_mb']} MB")
    hang_limit = 2 * 1.0 + 0.5
    targets = {
        "kill -9 median <= 0.20 s": float(str(ours["kill_median_s"])) <= 0.20,
        "kill -9 p99 <= 0.5 s": float(str(ours["kill_p99_s"])) <= 0.5,
        f"hang <= 2 probe intervals + 0.5 s = {hang_limit} s": bool(ours["hang_median_s"])
        and float(str(ours["hang_median_s"])) <= hang_limit,
        "an incident for every strike": int(str(ours["incidents"])) == asked.kills + asked.hangs,
    }
    for target, reached in targets.items():
        print(f"{'reached' if reached else 'MISSED '}  {target}")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if asked.json:
        asked.json.write_text(json.dumps({"machine": machine, "rows": rows, "targets": targets}, indent=2))
    print(f"on {machine}")
    return 0 if all(targets.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
