"""``paramedic init`` beside real programs, on a machine of its own."""

import json
import os
import sqlite3
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import Machine
from paramedic.sdk import load_packs
from paramedic.service import load

SECRET = "hunter22-and-more"
APP = textwrap.dedent("""
    import http.server, os, socket, sqlite3, sys
    keep = socket.create_connection(("127.0.0.1", 6001))
    base = sqlite3.connect("orders.db")
    read = [open(each).read() for each in (".env", "config/rules.yaml") if os.path.exists(each)]
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
        def log_message(self, *rest):
            print("asked", self.command, self.path, flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", 6002), Handler).serve_forever()
""")
STORE = textwrap.dedent("""
    import socket
    server = socket.create_server(("", 6001))
    calls = []
    while True:
        calls.append(server.accept())
""")


@pytest.fixture
def machine() -> Iterator[Machine]:
    found = Machine()
    yield found
    found.close()


@pytest.fixture
def shop(machine: Machine, tmp_path: Path) -> Path:
    """A folder with an app that serves HTTP, keeps a database and is connected to a store that speaks no HTTP."""
    folder = tmp_path / "shop"
    (folder / "config").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    (folder / "store.py").write_text(STORE)
    (folder / "worker.py").write_text("import time; time.sleep(600)")
    (folder / ".env").write_text(f"API_TOKEN={SECRET}\nQUEUE_URL=redis://:{SECRET}@127.0.0.1:6003/0\n")
    (folder / ".env.example").write_text("API_TOKEN=changeme\nQUEUE_URL=redis://localhost/0\n")
    (folder / "config" / "rules.yaml").write_text("a: 1\n")
    (folder / "deploy").mkdir()
    unit = f"[Service]\nExecStart={sys.executable} app.py\nWorkingDirectory={folder}\n"
    (folder / "deploy" / "shop-api.service").write_text(unit)
    (folder / "config" / "broken.yaml").write_text("a: [\n")
    (folder / "compose.yaml").write_text('services: {cache: {ports: ["6004:6379"]}}\n')
    sqlite3.connect(folder / "orders.db").execute("create table orders (id integer primary key)")
    machine.start(sys.executable, "store.py", cwd=folder, port=6001)
    machine.start(sys.executable, "app.py", cwd=folder, port=6002, API_KEY=SECRET)
    machine.start(sys.executable, "worker.py", cwd=folder)
    return folder


def test_the_first_check_is_right(machine: Machine, shop: Path) -> None:
    """Everything of the folder is found as what it is, with its needs, and is healthy; no secret is written."""
    done = machine.paramedic("init", "--format", "json", cwd=shop)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    kinds = {each["name"]: each["kind"] for each in told["found"]}
    assert kinds.items() >= {
        "host": "host", "shop": "http", "store": "tcp", "worker": "process", "env": "config",
        "rules-config": "config", "orders-db": "sqlite",
    }.items()  # fmt: skip
    service = load(shop / "paramedic.yaml", load_packs(), {})
    app = service.components["shop"]
    assert app.target.url == "http://127.0.0.1:6002/health"
    assert set(app.depends_on) >= {"store", "env", "orders-db", "rules-config"}
    assert app.process.match
    assert "broken-config" not in app.depends_on
    assert service.components["store"].depends_on == service.components["worker"].depends_on == ()
    assert service.components["orders-db"].target.tables == ("orders",)
    assert service.components["rules-config"].target.required == ("a",)
    assert service.components["env"].target.sample == shop / ".env.example"
    text = (shop / "paramedic.yaml").read_text()
    assert f'    # process: {{command: ["{sys.executable}", "app.py"]}}\n' in text
    assert '    # owner: {systemd: "shop-api"}  # if deploy/shop-api.service is installed\n' in text
    assert set(told["not_restartable"]) == {"shop", "store", "worker"}
    left_out = {each["name"]: each["why"] for each in told["left_out"]}
    assert "does not run" in left_out["cache"]
    assert "`QUEUE_URL` names port 6003, where nobody listens" in left_out["redis"]
    assert "as `config`" in left_out["broken-config"]
    everything = (shop / "paramedic.yaml").read_text() + done.stdout + done.stderr
    assert SECRET not in everything
    names = [each for each in kinds if each != "host"]
    checked = machine.paramedic("check", *names, cwd=shop)
    assert checked.returncode == 0, checked.stdout
    asked = (shop / "output.log").read_text().splitlines()
    assert {line.split()[1] for line in asked if line.startswith("asked")} == {"GET"}


def test_one_screen(machine: Machine, shop: Path) -> None:
    """What was found, what was not put in and why, and what comes next, within 24 lines of 80 columns."""
    done = machine.paramedic("init", cwd=shop)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"wrote {shop}/paramedic.yaml: ")
    assert "seen and not put in:" in lines
    assert lines[-1] == "next: paramedic check"
    if machine.is_apart:
        assert lines[-2] == "3 components can be watched but not restarted: give each a `command` or `owner`"
    if machine.is_apart:
        assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines[1:])


def test_only_what_belongs_to_the_folder(machine: Machine, shop: Path, tmp_path: Path) -> None:
    """A project next door, of which nothing here is used, is told in one line; `--all` takes it."""
    other = tmp_path / "next-door"
    other.mkdir()
    (other / ".env").write_text("A=1\n")
    (other / "neighbour.py").write_text(STORE.replace("6001", "6011"))
    machine.start(sys.executable, "neighbour.py", cwd=other, port=6011)
    done = machine.paramedic("init", cwd=shop)
    assert done.returncode == 0, done.stderr
    service = load(shop / "paramedic.yaml", load_packs(), {})
    assert {"shop", "store", "worker"} <= service.components.keys()
    assert "neighbour" not in service.components
    assert "next-door" not in (shop / "paramedic.yaml").read_text()
    (line,) = [line for line in done.stdout.splitlines() if "`--all` takes them" in line]
    if machine.is_apart:
        assert line == "  1 not used from here (`--all` takes them): neighbour"
    took = machine.paramedic("init", "--all", "--stdout", cwd=shop)
    assert "neighbour:" in took.stdout
    assert "next-door" in took.stdout
    used = machine.paramedic("init", "--stdout", cwd=other)
    assert "neighbour:" in used.stdout
    assert "shop:" not in used.stdout


def test_hostile_names(machine: Machine, tmp_path: Path) -> None:
    """What a process calls itself steers no terminal, breaks no file, and its command line gives nothing away."""
    (tmp_path / "app.py").write_text(APP.replace('socket.create_connection(("127.0.0.1", 6001))', "None"))
    sqlite3.connect(tmp_path / "orders.db").close()
    trick = f"import os, sys; os.execv(sys.executable, ['e\\x1b[31m\\n: {{ vil', 'app.py', '--token={SECRET}'])"
    machine.start(sys.executable, "-c", trick, cwd=tmp_path, port=6002)
    done = machine.paramedic("init", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "paramedic.yaml").read_text()
    assert "\x1b" not in done.stdout + text
    assert SECRET not in done.stdout + text
    service = load(tmp_path / "paramedic.yaml", load_packs(), {})
    assert [each.kind for each in service.components.values()].count("http") == 1


def test_nothing_is_overwritten(machine: Machine, tmp_path: Path) -> None:
    """Without --force exit 64 and the file as it was; with it a backup beside the new one."""
    path = tmp_path / "paramedic.yaml"
    path.write_text("mine: 1\n")
    path.chmod(0o640)
    refused = machine.paramedic("init", cwd=tmp_path)
    assert refused.returncode == 64
    assert "hint: `--force`" in refused.stderr
    assert path.read_text() == "mine: 1\n"
    forced = machine.paramedic("init", "--force", cwd=tmp_path)
    assert forced.returncode == 0, forced.stderr
    (backup,) = tmp_path.glob("*.bak")
    assert backup.read_text() == "mine: 1\n"
    assert backup.stat().st_mode & 0o777 == 0o640
    assert backup.name in forced.stdout
    assert "kind: host" in path.read_text()


def test_stdout_writes_nothing(machine: Machine, tmp_path: Path) -> None:
    """The text alone, good to be piped."""
    done = machine.paramedic("init", "--stdout", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())
    load(tmp_path / "paramedic.yaml", load_packs(), {}, text=done.stdout)


def test_another_folder(machine: Machine, tmp_path: Path) -> None:
    """It may be named; one that is not there is a mistake."""
    (tmp_path / "there").mkdir()
    done = machine.paramedic("init", "there", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == f"next: paramedic -f {tmp_path}/there/paramedic.yaml check"
    assert machine.paramedic("init", "nowhere", cwd=tmp_path).returncode == 64


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(machine: Machine, tmp_path: Path) -> None:
    """One line, exit 74, nothing changed."""
    tmp_path.chmod(0o500)
    done = machine.paramedic("init", cwd=tmp_path)
    tmp_path.chmod(0o700)
    assert done.returncode == 74
    assert "cannot be written" in done.stderr
