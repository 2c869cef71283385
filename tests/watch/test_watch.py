"""The watch as a program: what it brings up, what outlives it, what it notices, whom it tells."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from station import IncidentState, Station, until, words

from paramedic.model.receipt import Phase


class Sink:
    """A web hook that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.beats = 0
        self.answer = 200
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(sink.answer)
                self.end_headers()

            def do_GET(self) -> None:
                sink.beats += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, event: str) -> list[dict[str, Any]]:
        """What was posted about one kind of event."""
        return [each for each in self.posts if each["kind"] == event]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes a station; what it started is ended after the test."""
    made: list[Station] = []

    def build(*sleepers: str, **more: Any) -> Station:
        made.append(Station(tmp_path, *sleepers, **more))
        return made[-1]

    yield build
    for each in made:
        each.stop()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.close()


def acts(station: Station, action: str) -> list[str]:
    """Components on which an action was done, in order."""
    done = [each for each in station.all_receipts() if (each.phase, each.action) == (Phase.DONE, action)]
    return [each.component for each in sorted(done, key=lambda each: each.at)]


def test_brought_up_in_order_adopted_and_brought_down_in_order(make: Any) -> None:
    """Needs first; a killed watch leaves them alone and the next one takes them up; SIGTERM ends dependants first."""
    station = make("top", "middle", "base")
    station.write(
        {
            "top": station.sleeper("top", depends_on=["middle"]),
            "middle": station.sleeper("middle", depends_on=["base"]),
            "base": station.sleeper("base"),
        }
    )
    station.watch()
    assert acts(station, "process.start") == ["base", "middle", "top"]
    pids = [station.pid(name) for name in ("base", "middle", "top")]
    second = station.run("watch")
    assert second.returncode == 75, words(second)
    assert f"process {station.watching.pid} " in second.stderr
    station.signal(signal.SIGKILL)
    station.watching.wait()
    station.watch("--leave")
    assert [station.pid(name) for name in ("base", "middle", "top")] == pids, "adopted"
    station.signal(signal.SIGTERM)
    assert station.watching.wait(30) == 0
    assert [station.pid(name) for name in ("base", "middle", "top")] == pids, "left"
    station.watch()
    station.signal(signal.SIGTERM)
    assert station.watching.wait(30) == 0
    assert acts(station, "process.stop") == ["top", "middle", "base"]
    assert [station.pid(name) for name in ("base", "middle", "top")] == [None] * 3
    told = station.status()
    assert told["overall"] == "unknown", "what was stopped with the watch is not shown as it was before"
    assert {each["status"] for each in told["components"]} == {"unknown"}
    assert len(station.launches("base")) == 1
    assert not station.incidents()


def test_processes_that_others_started_are_noticed_when_they_die(make: Any) -> None:
    """By their file, their command line, or because they are the very command: missed at once, healed where we can."""
    station = make("same")
    mine = [subprocess.Popen(["sleep", number], cwd=station.folder) for number in ("7001", "7002", "6001")]
    (station.folder / "its.pid").write_text(str(mine[0].pid))
    station.write(
        {
            "filed": {"kind": "process", "pidfile": "its.pid", "interval": "60s"},
            "matched": {"kind": "process", "match": "^sleep 7002$", "interval": "60s"},
            "same": station.sleeper("same", interval="60s"),
        }
    )
    station.watch()
    assert not station.incidents()
    for each in mine:
        each.kill()
        each.wait()
    assert station.incident("filed", IncidentState.ESCALATED).code == "process.exited"
    assert station.incident("matched", IncidentState.ESCALATED).code == "process.exited"
    assert station.incident("same", IncidentState.RESOLVED).tried == ("restart-component",)
    assert station.pid("same") not in (mine[2].pid, None)


def test_the_first_thing_is_to_keep_what_is_well(make: Any) -> None:
    """A copy is there before anything is started, so that a fault a moment later finds something to restore."""
    settings = {"kind": "config", "path": "settings.yaml", "required": ["name"], "interval": "1h"}
    station = make("a", more={"settings": settings, "broken": {**settings, "path": "broken.yaml"}})
    (station.folder / "settings.yaml").write_text("name: shop\n")
    (station.folder / "broken.yaml").write_text("name: [\n")
    station.watch()
    kept = station.folder / ".paramedic" / "last-good"
    assert not list(kept.glob("broken.yaml-*/*"))
    (copy,) = kept.glob("settings.yaml-*/*.json")
    (launch,) = station.launches("a")
    assert copy.stat().st_mtime <= launch.at.timestamp()


def test_what_is_switched_off_is_not_done(make: Any, sink: Sink) -> None:
    """By their settings: nobody is told, nothing is looked at, no copy is made; and each is said at the start."""
    settings = {"kind": "config", "path": "settings.yaml", "required": ["name"]}
    station = make("a", more={"settings": settings}, escalation={"L2": [f"json://{sink.address}"]}, autonomy="observe")
    (station.folder / "settings.yaml").write_text("name: shop\n")
    station.watch(ERROR_REPORTING_ENABLED="false", STATE_BACKUP_ENABLED="false")
    station.kill("a")
    incident = station.incident("a", IncidentState.ESCALATED)
    told = [each.text for each in station.read(lambda tx: tx.timeline.of(incident.id))]
    assert "nobody could be told: `error_reporting` is off" in told
    assert station.read(lambda tx: tx.outbox.of(incident.id)) == ()
    assert not list((station.folder / ".paramedic").glob("last-good/settings.yaml-*/*"))
    station.signal(signal.SIGTERM)
    assert station.watching.wait(30) == 0
    station.watch(DIAGNOSTIC_ENABLED="false")
    station.kill("a")
    until(lambda: "was killed by SIGKILL" in station.told(), 30, "the death is told in the log")
    assert len(station.incidents()) == 1, "and by the log alone"
    said = (station.folder / "watch.log").read_text()
    assert "`error_reporting` is off" in said
    assert "`diagnostic_enabled` is off" in said
    assert sink.posts == []


def test_a_watch_whose_state_is_removed_says_so_and_ends(make: Any) -> None:
    """Meanwhile nobody else believes that nobody is there; what runs goes on, and the next watch takes it up."""
    station = make("a", "b")
    station.watch()
    pids = [station.pid("a"), station.pid("b")]
    station.suspend()
    shutil.rmtree(station.folder / ".paramedic")
    for _ in range(2):
        second = station.run("watch")
        assert second.returncode == 75, words(second)
        assert f"process {station.watching.pid} works on this service already" in second.stderr
    station.signal(signal.SIGCONT)
    assert station.watching.wait(30) == 70
    said = (station.folder / "watch.log").read_text()
    assert "was removed; watched no further" in said
    assert "Traceback" not in said
    assert [station.pid("a"), station.pid("b")] == pids
    station.watch()
    assert [station.pid("a"), station.pid("b")] == pids
    assert station.run("check").returncode == 0


def test_a_watch_that_ends_by_itself_calls_people_past_the_records(make: Any, sink: Sink) -> None:
    """Once, however often it is started again within the hour; and they hear when it is back."""
    station = make("a", escalation={"L2": [f"json://{sink.address}/"], "L3": ["json://127.0.0.1:1/"]})
    station.watch()
    station.signal(signal.SIGTERM)
    assert station.watching.wait(30) == 0
    assert sink.posts == [], "who ends it knows"
    base = station.folder / ".paramedic" / "paramedic.db"
    kept = base.read_bytes()
    base.write_bytes(b"no database at all, however long it is " * 200)
    first, second = station.run("watch"), station.run("watch")
    assert (first.returncode, second.returncode) == (74, 74), words(first)
    (post,) = sink.of("watch-ended")
    assert "json://… (L3) was not told that nobody watches it any more" in " ".join(first.stderr.split())
    assert post["subject"] == "station: nobody watches it any more"
    assert "what runs goes on running" in post["meanwhile"]
    assert "is not a database" in post["why"]
    mark = base.parent / "told-that-watch-ended"
    os.utime(mark, (0, 0))
    assert station.run("watch").returncode == 74
    assert len(sink.of("watch-ended")) == 2, "an hour later"
    base.write_bytes(kept)
    station.watch()
    until(lambda: sink.of("watch-back"), 30, "they hear that it is back")
    until(lambda: not mark.exists(), 30, "and that is over")
    shutil.rmtree(base.parent)
    assert station.watching.wait(30) == 70
    assert len(sink.of("watch-ended")) == 3
    assert "was removed" in sink.posts[-1]["why"]
    assert not base.parent.exists(), "nobody makes again what somebody removed"


def test_what_only_a_new_start_can_change_is_told(make: Any) -> None:
    """Another place for the records: said, and until then everything goes on in the old one."""
    station = make("a")
    station.watch()
    station.write({"a": station.sleeper("a"), "b": station.sleeper("b")}, settings={"state_dir": "elsewhere"})
    until(lambda: station.pid("b"), 20, "the rest of the change takes effect")
    said = (station.folder / "watch.log").read_text()
    assert "`state_dir` was changed; that takes effect when `paramedic watch` is started again" in said
    assert "`store` was changed; that takes effect" in said
    assert not (station.folder / "elsewhere").exists()
    station.kill("a")
    assert station.incident("a").tried == ("restart-component",)


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_changed_service_file_takes_effect(make: Any, by_signal: bool) -> None:
    """What is new is found not to run and started; the trouble of what is gone is over."""
    station = make("old", "stays")
    station.write({"old": station.sleeper("old", autonomy="approve"), "stays": station.sleeper("stays")})
    station.watch()
    pid = station.pid("stays")
    station.kill("old")
    station.incident("old", IncidentState.WAITING)
    station.write({"stays": station.sleeper("stays"), "new": station.sleeper("new", depends_on=["stays"])})
    if by_signal:
        station.signal(signal.SIGHUP)
    station.incident("old", IncidentState.RESOLVED)
    assert station.incident("new", IncidentState.RESOLVED).tried == ("restart-component",)
    assert station.pid("new")
    assert station.pid("stays") == pid
    assert not station.pid("old")
    assert {each.component for each in station.incidents()} == {"old", "new"}


def test_people_are_told_exactly_once_also_across_a_crash(make: Any, sink: Sink) -> None:
    """The message survives a kill and a sink that fails, keeps its name, and its end reaches who heard of it."""
    station = make("b")
    base = {"escalation": {"L2": [f"json://{sink.address}/people"]}}
    beat = {"settings": {"heartbeat_url": f"http://{sink.address}/", "heartbeat_interval": "300ms"}}
    settings = {"kind": "config", "path": "a.yaml", "required": ["name"], "interval": "300ms", "autonomy": "observe"}
    (station.folder / "a.yaml").write_text("name: shop\n")
    station.write({"a": settings, "b": station.sleeper("b")}, **base, **beat)
    sink.answer = 500
    station.watch()
    until(lambda: sink.beats >= 3, 20, "signs of life")
    (station.folder / "a.yaml").write_text("names: shop\n")
    until(lambda: len(sink.of("escalated")) >= 2, 30, "tried again while the sink fails")
    station.signal(signal.SIGKILL)
    station.watching.wait()
    sink.answer = 200
    failed = len(sink.posts)
    station.watch()
    until(lambda: len(sink.posts) > failed, 30, "it arrives")
    (station.folder / "a.yaml").write_text("name: shop\n")
    incident = station.incident("a", IncidentState.RESOLVED)
    until(lambda: sink.of("resolved"), 30, "its end is told")
    until(
        lambda: all(each.delivered_at for each in station.read(lambda tx: tx.outbox.of(incident.id))), 20, "all arrived"
    )
    assert len({each["id"] for each in sink.of("escalated")}) == 1
    arrived = [each["kind"] for each in sink.posts[failed:]]
    assert sorted(arrived) == ["escalated", "resolved"], "each arrives once"
    assert sink.of("escalated")[0]["incident"] == incident.id
    station.kill("b")
    station.incident("b", IncidentState.RESOLVED)
    assert len(sink.of("resolved")) == 1, "nobody was called for what was healed"


def test_a_crash_loop_goes_to_people_with_its_last_words(make: Any, sink: Sink) -> None:
    """No endless restarts: three failed starts, then a call with what it printed."""
    station = make("job")
    code = "import sys; print('licence expired'); sys.exit(4)"
    job = {"kind": "process", "process": {"command": [sys.executable, "-c", code]}, "interval": "500ms"}
    station.write({"job": job}, escalation={"L2": [f"json://{sink.address}/"]})
    station.watch()
    until(lambda: any(each["code"] == "process.crash-loop" for each in sink.of("escalated")), 60, station.told())
    launches = len(station.launches("job"))
    assert launches <= 5
    (told,) = [each for each in sink.of("escalated") if each["code"] == "process.crash-loop"]
    assert "licence expired" in json.dumps(told), told


def test_in_a_storm_everything_is_healed_two_at_a_time(make: Any) -> None:
    """Twelve deaths at once: each healed, never more plans at work than allowed, and the record says so."""
    names = [f"part{index:02}" for index in range(12)]
    station = make(*names)
    station.watch()
    for pid in [station.pid(name) for name in names]:
        os.kill(pid, signal.SIGKILL)
    until(
        lambda: sum(each.state is IncidentState.RESOLVED for each in station.incidents()) == 12,
        90,
        f"all are healed {station.told()}",
    )
    plans = station.plans()
    assert [each.state for each in plans] == ["verified"] * 12
    begun = {each.plan: each.at for each in station.all_receipts() if each.phase is Phase.INTENT}
    spans = [(begun[each.id], each.ended_at) for each in plans]
    most = max(sum(other[0] <= at < other[1] for other in spans) for at, _ in spans)
    assert most == 2, "neither more than allowed nor less than possible"
    assert all(len(station.launches(name)) == 2 for name in names)
    station.once()


def test_what_is_shown_of_an_incident(make: Any) -> None:
    """The timeline tells each step with its outcome at its time; JSON has every name that others rely on."""
    station = make("a")
    station.watch()
    station.kill("a")
    incident = station.incident("a", IncidentState.RESOLVED)
    text = station.run("incidents", "show", incident.id).stdout
    timeline = text[text.index("timeline") :]
    order = ["detected", "planned", "process.restart a intent", "process.restart a done", "verified", "resolved"]
    places = [timeline.index(each) for each in order]
    assert places == sorted(places), timeline
    (listed,) = json.loads(station.run("incidents", "list", "--format", "json").stdout)
    shown = json.loads(station.run("incidents", "show", incident.id, "--format", "json").stdout)
    wanted = "id state severity type code component suspects opened_at resolved_at plan receipts"
    assert set(wanted.split()) <= set(listed) & set(shown)
    assert (shown["id"], shown["plan"], shown["state"]) == (incident.id, incident.plan, "resolved")
    assert [each["phase"] for each in shown["receipts"]] == ["intent", "done"]
    until(station.is_well, 20, "all is well")
    status = station.status()
    assert status["overall"] == "healthy"
    (part,) = status["components"]
    assert {key: part[key] for key in ("name", "kind", "status", "desired", "code")} == {
        "name": "a",
        "kind": "process",
        "status": "ok",
        "desired": "running",
        "code": None,
    }


def test_a_hung_thread_does_not_hold_up_the_exit(make: Any) -> None:
    """A name that is never resolved keeps a thread for ever; the watch and the commands end all the same."""
    station = make("a", more={"far": {"kind": "tcp", "host": "far.invalid", "port": 9, "timeout": "300ms"}})
    (station.folder / "sitecustomize.py").write_text(
        "import socket, threading\n"
        "find = socket.getaddrinfo\n"
        "def hang(host, *more, **named):\n"
        "    if host == 'far.invalid':\n"
        "        threading.Event().wait()\n"
        "    return find(host, *more, **named)\n"
        "socket.getaddrinfo = hang\n"
    )
    slow = {"PYTHONPATH": f"{station.folder}:{os.environ.get('PYTHONPATH', '')}"}
    asked = station.run("recover", **slow)
    assert asked.returncode == 1, words(asked)  # people must mend the name
    station.watch(**slow)
    until(lambda: "far" in {each.component for each in station.read(lambda tx: tx.findings.latest())}, 20, "looked at")
    station.signal(signal.SIGTERM)
    assert station.watching.wait(20) == 0
