"""``paramedic check``, ``status``, ``explain`` and ``checks`` on a real service."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest


@pytest.fixture
def port():
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def service(home: Path, port: int, more: str = "") -> Path:
    """A service of one door; returns its file."""
    path = home / "paramedic.yaml"
    path.write_text(f"service: shop\ncomponents:\n  door: {{kind: tcp, host: 127.0.0.1, port: {port}}}\n{more}")
    return path


def test_a_healthy_service(home, port, paramedic):
    """Exit 0, one line for what is well, nothing on stderr, and nothing written."""
    service(home, port)
    done = paramedic("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "✓ healthy  shop" in done.stdout
    assert [path.name for path in home.iterdir()] == ["paramedic.yaml"]


def test_a_broken_service(home, paramedic):
    """Exit 2, and the code in every format."""
    service(home, closed_port())
    assert "tcp.refused" in paramedic("check").stdout
    assert "tcp.refused" in paramedic("check", "--format", "markdown").stdout
    done = paramedic("check", "door", "--format", "json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["exit_code"], data["overall"]) == (2, 2, "critical")
    assert data["findings"][0]["code"] == "tcp.refused"
    junit = paramedic("check", "--only", "tcp.refused", "--format", "junit")
    assert ET.fromstring(junit.stdout)[0].get("failures") == "1"


def test_the_need_decides_the_exit_code(home, paramedic):
    """What is only recommended is a warning, exit 1; what is optional is no problem, exit 0."""
    path = service(home, closed_port())
    text = path.read_text()
    path.write_text(text.replace("}", ", need: recommended}"))
    assert paramedic("check").returncode == 1
    path.write_text(text.replace("}", ", need: optional}"))
    assert paramedic("check").returncode == 0


def test_unknown_names_are_usage(home, port, paramedic):
    """Exit 64 with what was probably meant."""
    service(home, port)
    for arguments, guess in ((("doro",), "`door`"), (("--only", "tcp.refusd"), "`tcp.refused`")):
        done = paramedic("check", *arguments)
        assert (done.returncode, done.stdout) == (64, "")
        assert f"hint: did you mean {guess}" in done.stderr


def test_no_service_file(home, paramedic):
    """Exit 78 with a hint; as JSON on stdout where JSON was asked for."""
    del home
    done = paramedic("check", "--format", "json")
    assert done.returncode == 78
    assert "hint:" in done.stderr
    data = json.loads(done.stdout)
    assert data["problems"][0]["hint"]
    assert data["exit_code"] == 78
    assert paramedic("status").returncode == 78


def test_every_problem_of_a_service_file_is_told(home, paramedic):
    """Not only the first, each with its line."""
    (home / "paramedic.yaml").write_text("service: shop\ncomponents:\n  a: {kind: tpc}\n  b: {kind: http}\n")
    done = paramedic("check")
    assert done.returncode == 78
    assert "paramedic.yaml:3" in done.stderr
    assert "paramedic.yaml:4" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_service_file_can_be_named(home, port, paramedic, place):
    """`--file` stands before or behind the command."""
    other = service(home, port).rename(home / "other.yaml")
    arguments = ["-f", str(other), "check"] if place == "before" else ["check", "--file", str(other)]
    assert paramedic(*arguments).returncode == 0


def test_reports_are_private(home, port, paramedic):
    """What --output and --save write is readable by its owner only, and replaces what was there as a whole."""
    service(home, port)
    old = home / "report.xml"
    old.write_text("old")
    old.chmod(0o644)
    done = paramedic("check", "--format", "junit", "--output", "report.xml", "--save")
    assert done.returncode == 0
    saved = list((home / "diagnostics").iterdir())
    assert [path.suffix for path in saved] == [".xml"]
    for path in (old, *saved):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == done.stdout
    assert not [path for path in home.iterdir() if path.name.startswith(".report")]


@pytest.mark.parametrize("style", ["sarif", "html"])
def test_what_nobody_reads_at_a_terminal_goes_to_the_file(home, port, paramedic, style):
    """With --output the terminal shows text; without, the format that was asked for."""
    service(home, port)
    shown = paramedic("check", "--format", style, "--output", "report")
    assert shown.stdout.startswith("✓ healthy")
    assert (home / "report").read_text()[:1] == paramedic("check", "--format", style).stdout[:1] != "✓"


def test_annotations_are_seen_from_the_repository(home, port, paramedic):
    """A file that is broken is named as the machine that runs the job knows it."""
    (home / "settings.yaml").write_text("port: [\n")
    (home / "paramedic.yaml").write_text(
        "service: shop\ncomponents:\n  settings: {kind: config, path: settings.yaml}\n"
    )
    done = paramedic("check", "--format", "github", GITHUB_WORKSPACE=str(home.parent))
    assert done.returncode == 2
    assert done.stdout.startswith(f"::error file={home.name}/settings.yaml,line=2,title=settings%3A config.unparseable")


def test_a_device_is_not_replaced(home, port, paramedic):
    """A report to a device goes into it; the device stays one."""
    service(home, port)
    assert paramedic("check", "--output", "/dev/null").returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert paramedic("check", "--output", "/dev/full").returncode == 75
    assert paramedic("check", "--output", "nowhere/report.txt").returncode == 64


def test_colour_where_it_is_wanted(home, port, paramedic):
    """No colour into a pipe, unless it is demanded; NO_COLOR has the last word."""
    service(home, port)
    assert "\x1b[" not in paramedic("check").stdout
    assert "\x1b[" in paramedic("check", FORCE_COLOR="1").stdout
    assert "\x1b[" not in paramedic("check", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_terminal_without_unicode(home, port, paramedic):
    """ASCII glyphs where there are no others."""
    service(home, port)
    done = paramedic("check", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "+ healthy  shop" in done.stdout


@pytest.fixture
def mute():
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ctrl_c_prints_what_was_found(home, port, mute):
    """Exit 130, with the findings until then and without a traceback."""
    service(home, port, f"  slow: {{kind: http, url: 'http://127.0.0.1:{mute}/', timeout: 60s}}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "paramedic", "check", "--format", "json"],
        cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not _is_connected(process.pid, mute) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    data = json.loads(out)
    assert process.returncode == 130
    assert data["interrupted"] is True
    assert data["overall"] != "healthy"
    assert any(each["component"] == "slow" for each in data["skipped"])
    assert "Traceback" not in err


def _is_connected(pid: int, port: int) -> bool:
    try:
        rows = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(row.split()[2].endswith(f":{port:04X}") and row.split()[3] == "01" for row in rows)


def test_a_reader_that_goes_away(home, port):
    """The verdict stays when nobody reads the report to its end."""
    service(home, port)
    process = subprocess.Popen(
        [sys.executable, "-m", "paramedic", "check"],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_status_without_records(home, port, paramedic):
    """What was never looked at is unknown, exit 3; nothing is written."""
    service(home, port)
    done = paramedic("status", "--format", "json")
    data = json.loads(done.stdout)
    assert done.returncode == 3
    assert data["overall"] == "unknown"
    (door,) = data["components"]
    assert {name: door[name] for name in ("name", "kind", "status", "desired", "code")} == {
        "name": "door", "kind": "tcp", "status": "unknown", "desired": None, "code": None,
    }  # fmt: skip
    assert [path.name for path in home.iterdir()] == ["paramedic.yaml"]
    text = paramedic("status").stdout
    assert "never looked at" in text
    assert max(map(len, text.splitlines())) <= 80


def test_status_by_the_records(home, port, paramedic):
    """The worst of the latest findings, as long as they are fresh; old ones are unknown."""
    from datetime import timedelta

    from paramedic.model.clock import SystemClock
    from paramedic.model.finding import Finding
    from paramedic.model.status import Status
    from paramedic.sdk.pack import load_packs
    from paramedic.service import load
    from paramedic.store import open_store

    clock = SystemClock()
    settings = load(service(home, port), load_packs(), {}).settings
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    store = open_store(settings.store, node=settings.node, clock=clock)
    check = next(spec for spec in load_packs().checks if spec.id.startswith("tcp."))

    def seen(ago_s: float, status: Status) -> None:
        found = Finding(component="door", kind="tcp", check=check.id, status=status, code=None, observed="seen",
                        at=clock.now() - timedelta(seconds=ago_s))  # fmt: skip
        with store.begin() as tx:
            tx.findings.put([found])

    seen(1, Status.OK)
    assert paramedic("status").returncode == 0
    seen(1, Status.CRITICAL)
    assert paramedic("status").returncode == 2
    seen(86_400, Status.OK)
    done = paramedic("status", "--format", "json")
    store.close()
    assert done.returncode == 3
    assert "last seen ok" in json.loads(done.stdout)["components"][0]["observed"]


def test_explain_is_the_manual(home, paramedic):
    """A code and a check are explained, with what heals them; an unknown one with a guess."""
    del home
    done = paramedic("explain", "tcp.refused")
    assert done.returncode == 0
    assert "healed by" in done.stdout
    assert "found by tcp." in done.stdout
    listed = json.loads(paramedic("checks", "--format", "json").stdout)
    one = next(each for each in listed if "tcp.refused" in each["codes"])
    assert one["kinds"] == ["tcp"]
    assert json.loads(paramedic("explain", one["check"], "--format", "json").stdout)["check"] == one["check"]
    assert one["check"] in paramedic("checks").stdout
    wrong = paramedic("explain", "tcp.refusd")
    assert wrong.returncode == 64
    assert "`tcp.refused`" in wrong.stderr


HUNG = """
import asyncio, threading
from dataclasses import dataclass
from paramedic.sdk import Code, Context, Finding, IssueType, Kind, Pack, check

@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    pass

@check(Code(id="hung.broken", type=IssueType.OUTAGE, summary="broken"), of=Target, timeout_s=0.5)
async def answers(target: Target, context: Context) -> Finding:
    '''It answers.'''
    await asyncio.to_thread(threading.Event().wait)

pack = Pack(name="hung", kinds=(Kind(name="hung", summary="hangs", target=Target),), checks=(answers,))
"""


def test_a_hung_thread_of_a_strangers_pack_does_not_hold_up_the_exit(home, port, paramedic):
    """A third party's check blocks a thread that the interpreter would wait for; `check` ends with its report."""
    packs = home / "packs"
    info = packs / "hung_pack-1.0.dist-info"
    info.mkdir(parents=True)
    (packs / "hung_pack.py").write_text(HUNG)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hung-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[paramedic.packs]\nhung = hung_pack:pack\n")
    service(home, port, "  stuck: {kind: hung}\n")
    path = os.pathsep.join(filter(None, (str(packs), os.environ.get("PYTHONPATH"))))
    started = time.monotonic()
    done = paramedic("check", "--format", "json", PYTHONPATH=path)
    codes = {each["component"]: each["code"] for each in json.loads(done.stdout)["findings"]}
    assert (done.returncode, codes) == (3, {"stuck": "paramedic.check-timed-out", "door": None})
    assert time.monotonic() - started < 60
