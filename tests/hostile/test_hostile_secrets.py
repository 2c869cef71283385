"""Secrets: in the environment of the process they are for, and nowhere else."""

import os
import socket
import stat
import sys
import textwrap
from pathlib import Path

from hostile.ward import Ward
from living import free_port, until
from paramedic.report import FORMATS

PASSWORD = "hunter2-Zx81-hunter2"
TOKEN = "tok_live_51Hq8ZvKx7RtYw2LmNp9"
BODY = "sk-proj-abcdefGHIJKL0123456789mnopQRST"
CRASH = "crash-secret-9f8e7d6c5b4a"
EVERY = (PASSWORD, TOKEN, BODY, CRASH)

TALKER = """
import http.server, os, sys
token, password = os.environ["API_TOKEN"], os.environ["DB_DSN"]
print("starting with", token, password, flush=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = os.path.exists("sick")
        print("asked with", dict(self.headers), token, flush=True)
        self.send_response(500 if sick else 200)
        self.send_header("X-Debug", password)
        self.end_headers()
        self.wfile.write(f'{{"error": "{password}", "api_key": "%s", "token": "{token}"}}'.encode() % b"BODY")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
""".replace("BODY", BODY)
SINK = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("heard", "ab") as file: file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
PACK = """
from dataclasses import dataclass
import os
from paramedic.sdk import Code, Context, Finding, IssueType, Kind, Pack, check

ODD = Code(id="odd.odd", type=IssueType.OUTAGE, summary="odd")

@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    dsn: str = ""

@check(ODD, of=Odd)
async def crashes(target: Odd, context: Context) -> Finding:
    raise RuntimeError(f"cannot connect to {target.dsn} with {os.environ['API_TOKEN']}")

pack = Pack(name="odd", kinds=(Kind(name="odd", summary="strange", target=Odd),), checks=(crashes,))
"""


def test_no_secret_leaves(tmp_path: Path) -> None:
    """Through a sickness and its healing: not by any output, record, message, log, report or the store's own bytes."""
    dsn = f"postgresql://shop:{PASSWORD}@db.internal/shop"
    (tmp_path / "talker.py").write_text(TALKER)
    (tmp_path / "sink.py").write_text(SINK)
    port, sink, python = free_port(), free_port(), sys.executable
    ward = Ward(
        tmp_path,
        textwrap.dedent(f"""\
        service: ward
        escalation: {{L2: ["http://127.0.0.1:{sink}/hook"]}}
        components:
          api:
            kind: http
            url: http://shop:{PASSWORD}@127.0.0.1:{port}/
            headers: {{Authorization: "Bearer ${{API_TOKEN}}"}}
            expect_body: never said
            interval: 300ms
            process:
              command: ["{python}", talker.py, "{port}"]
              env: {{API_TOKEN: "${{API_TOKEN}}", DB_DSN: "${{DB_DSN}}"}}
          crashing:
            kind: process
            interval: 300ms
            process: {{command: ["{python}", -c, "import os; raise SystemExit(os.environ['DB_DSN'])"], env: {{DB_DSN: "${{DB_DSN}}"}}}}
          sink: {{kind: process, process: {{command: ["{python}", sink.py, "{sink}"]}}}}
        """),
    )
    environment = {"API_TOKEN": TOKEN, "DB_DSN": dsn}
    seen: dict[str, str] = {}

    def note(*arguments: str) -> None:
        said = ward.run(*arguments, **environment)
        seen[" ".join(arguments)] = said.out + said.err

    with ward.watch("-v", **environment):
        until(lambda: any(each["state"] == "escalated" for each in found(ward, environment)), 60, "people are called")
        until((tmp_path / "heard").exists, 20, "they hear of it")
        for style in FORMATS:
            note("check", "-v", "--format", style, "--save")
        note("status")
        note("status", "--format", "json")
        for each in found(ward, environment):
            note("incidents", "show", each["id"])
            note("incidents", "show", each["id"], "--format", "json")
        note("incidents", "list", "--format", "json")
        note("receipts", "--format", "json")
        note("plan", "--format", "json")
        note("recover", "--format", "json")
        note("config", "show")
        note("config", "show", "--format", "json")
        environ = Path(f"/proc/{ward.pids('talker.py')[0]}/environ").read_bytes()
        assert TOKEN.encode() in environ, "where it belongs it is"
    seen["watch"] = ward.said()
    for path in tmp_path.rglob("*"):
        is_a_copy = path.is_file() and path.parent.parent.name == "last-good" and "paramedic.yaml" in path.parent.name
        assert not is_a_copy or stat.S_IMODE(path.stat().st_mode) == 0o600, "a copy holds what its original holds"
        is_the_patients_own = path.name == "paramedic.yaml" or path.suffix == ".py" or path.parent.name == "logs"
        is_the_patients_own |= is_a_copy
        if path.is_file() and not is_the_patients_own:
            seen[str(path.relative_to(tmp_path))] = path.read_bytes().decode("latin-1")
    assert {"heard", ".paramedic/paramedic.db"} <= set(seen)
    leaks = [(where, secret) for where, text in seen.items() for secret in EVERY if secret in text]
    assert leaks == []


def found(ward: Ward, environment: dict[str, str]) -> list[dict[str, str]]:
    return ward.run("incidents", "list", "--format", "json", **environment).json


def test_a_strangers_crash_tells_no_secret(tmp_path: Path) -> None:
    """A check of a third party raises with an address and a token in its words."""
    site = tmp_path / "site"
    info = site / "odd-1.dist-info"
    info.mkdir(parents=True)
    (site / "odd_pack.py").write_text(PACK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[paramedic.packs]\nodd = odd_pack:pack\n")
    ward = Ward(tmp_path, 'service: ward\ncomponents:\n  odd: {kind: odd, dsn: "${DB_DSN}"}\n')
    dsn = f"redis://:{PASSWORD}@cache:6379/0"
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    for style in ("text", "json"):
        said = ward.run("check", "-v", "--format", style, API_TOKEN=TOKEN, DB_DSN=dsn, PYTHONPATH=path)
        assert said.code == 3, said
        assert "check-crashed" in said.out, said
        assert PASSWORD not in said.out + said.err
        assert TOKEN not in said.out + said.err


def test_a_store_with_a_password_never_tells_it(tmp_path: Path) -> None:
    """Refused, hanging or wrong."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    for store in (f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/x", f"mysql://me:{PASSWORD}@h/x", f"me:{PASSWORD}@h/x"):
        ward = Ward(
            tmp_path, f"store: {store}\nservice: ward\ncomponents:\n  a: {{kind: tcp, host: 127.0.0.1, port: 1}}\n"
        )
        for command in (("watch",), ("config", "show")):
            said = ward.run(*command)
            assert PASSWORD not in said.out + said.err, (store, command)
