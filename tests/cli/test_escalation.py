"""People are called by hand, take it in hand, and hear of its end: over a web hook and by mail, to real sockets."""

import json
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
TOKEN = "sk-live-51H8xZq2eR9tYw3uKp7v"  # made up


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    posted: list[dict[str, object]]

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs to get rid of a message: a stand-in for a mail server."""

    taken: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.taken.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")


@pytest.fixture
def hook() -> Iterator[tuple[int, list[dict[str, object]]]]:
    posted: list[dict[str, object]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("It", (Hook,), {"posted": posted})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], posted
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[tuple[int, list[str]]]:
    taken: list[str] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("It", (Mail,), {"taken": taken})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], taken
        server.shutdown()


@pytest.fixture
def service(
    home: Path, hook: tuple[int, list[dict[str, object]]], mail: tuple[int, list[str]]
) -> tuple[list[dict[str, object]], list[str]]:
    address = f"mailto://127.0.0.1:{mail[0]}?from=bot@shop.example&to=team@shop.example"
    (home / "paramedic.yaml").write_text(f"""
service: shop
on_call: {{L2: Ada}}
dashboards: {{latency: "https://graphs.example/latency"}}
escalation: {{L2: ["json://127.0.0.1:{hook[0]}/hook"], L3: ["{address}"]}}
components:
  self: {{kind: process, process: {{match: nothing-like-this}}}}
""")
    return hook[1], mail[1]


def test_a_call_by_hand_reaches_people_and_so_does_its_end(
    paramedic: Run, service: tuple[list[dict[str, object]], list[str]]
) -> None:
    """P0 calls two levels at once, by web hook and by mail; what is over is told to exactly these."""
    posted, taken = service
    called = paramedic("escalate", "self", "--severity", "critical", "--reason", f"orders are lost, see {TOKEN}")
    assert called.returncode == 0, called.stderr
    assert [each["kind"] for each in posted] == ["escalated"]
    assert "[P0] shop: escalation.by-hand on self escalated" in str(posted[0]["subject"])
    assert "orders are lost" in str(posted[0]["why"])
    assert (posted[0]["on_call"], posted[0]["dashboards"]) == (
        {"L2": "Ada"},
        {"latency": "https://graphs.example/latency"},
    )
    assert (posted[0]["health"], posted[0]["outcomes"]) == (
        {"overall": "critical", "self": "critical: escalation.by-hand"},
        [],
    )
    assert "orders are lost" in taken[0].replace("=\n", "")
    assert TOKEN not in json.dumps(posted) + taken[0] + called.stdout + called.stderr
    (incident,) = json.loads(paramedic("incidents", "--json").stdout)
    assert (incident["state"], incident["code"], incident["level"]) == ("escalated", "escalation.by-hand", "L3")

    again = paramedic("escalate", incident["id"][-6:], "--over")
    assert (again.returncode, "over when its checks pass" in again.stderr) == (64, True)
    mine = paramedic("acknowledge", incident["id"], "--note", "on my way")
    assert mine.returncode == 0, mine.stderr
    shown = paramedic("incidents", "show", incident["id"])
    assert "on my way" in shown.stdout

    over = paramedic("escalate", "self", "--over")
    assert (over.returncode, over.stdout) == (0, "resolved; everybody who was told hears of it\n")
    assert [each["kind"] for each in posted] == ["escalated", "resolved"]
    assert len(taken) == 2
    assert json.loads(paramedic("incidents", "--json").stdout)[0]["state"] == "resolved"


def test_secrets_that_people_write_are_not_recorded(
    paramedic: Run, home: Path, service: tuple[list[dict[str, object]], list[str]]
) -> None:
    """Neither one of the service file nor one that looks like it, in a reason, a note or a change, in any record."""
    del service
    with (home / "paramedic.yaml").open("a") as file:
        file.write("  db: {kind: postgres, dsn: 'postgresql://shop:sword-fish-7@127.0.0.1:1/shop'}\n")
    said = "it is sword-fish-7 at redis://u:perch-pike-9@cache/0"
    told = [
        paramedic("change", "record", "self", "--kind", "flag", "--what", said),
        paramedic("change", "record", "self", "--kind", "config", "--what", said, "--json"),
        paramedic("escalate", "self", "--reason", said),
        paramedic("acknowledge", json.loads(paramedic("incidents", "--json").stdout)[0]["id"], "--note", said),
        paramedic("change", "list"),
        paramedic("change", "list", "--json"),
    ]
    assert [each.returncode for each in told] == [0] * 6, told
    assert "it is [redacted] at" in told[-1].stdout
    files = [each.read_bytes() for each in home.rglob("*") if each.is_file()]
    records = b"".join(
        each for each in files if b"service: shop" not in each
    )  # the file itself, and its last good copy
    assert b"it is [redacted] at" in records
    for secret in ("sword-fish-7", "perch-pike-9"):
        assert secret not in "".join(each.stdout + each.stderr for each in told)
        assert secret.encode() not in records


def test_routes_are_tried_before_they_are_needed(
    paramedic: Run, home: Path, service: tuple[list[dict[str, object]], list[str]]
) -> None:
    """Every address by itself, with the reason where one does not work."""
    posted, taken = service
    good = paramedic("escalation", "test")
    assert good.returncode == 0, good.stdout
    assert (len(posted), len(taken)) == (1, 1)
    assert "[test]" in str(posted[0]["subject"])
    text = (home / "paramedic.yaml").read_text()
    (home / "paramedic.yaml").write_text(text.replace("json://", "nonsense://"))
    bad = paramedic("escalation", "test", "L2", "--json")
    assert bad.returncode == 2
    (row,) = json.loads(bad.stdout)
    assert "not understood" in row["error"]


def test_people_are_called_although_the_records_cannot_be_read(
    paramedic: Run, home: Path, service: tuple[list[dict[str, object]], list[str]]
) -> None:
    """Every level at once, since nobody is reminded; the exit code says that it was not recorded."""
    posted, taken = service
    assert paramedic("change", "record", "self", "--kind", "flag", "--what", "before").returncode == 0
    (home / ".paramedic" / "paramedic.db").write_bytes(b"no database at all, however long it is " * 200)
    rehearsed = paramedic("escalate", "self", "--dry-run")
    assert (rehearsed.returncode, posted) == (74, [])
    called = paramedic("escalate", "self", "--severity", "P0", "--reason", f"all is down, key {TOKEN}")
    assert called.returncode == 74
    assert "2 of 2 addresses were told all the same, without a record" in " ".join(called.stderr.split())
    (message,) = posted
    assert (message["about"], message["severity"], message["service"]) == ("self", "P0", "shop")
    assert "all is down" in str(message["reason"])
    assert "not recorded" in str(message["why"])
    assert "all is down" in taken[0].replace("=\r\n", "")
    assert TOKEN not in f"{posted} {taken} {called.stdout} {called.stderr}"
    told = json.loads(paramedic("escalate", "inc-somebody", "--json").stdout)
    assert (told["exit_code"], "2 of 2 addresses" in told["error"]) == (74, True)


def test_what_cannot_be_done_says_what_to_do(paramedic: Run, home: Path) -> None:
    """Nobody to call, nothing of that name, no such severity, no such incident."""
    (home / "paramedic.yaml").write_text("service: shop\ncomponents:\n  self: {kind: host}\n")
    said = paramedic("escalation", "test")
    assert (said.returncode, "escalation: {L2:" in said.stderr) == (64, True)
    said = paramedic("escalate", "slef")
    assert (said.returncode, "components: self" in said.stderr) == (64, True)
    said = paramedic("escalate", "--severity", "huge")
    assert (said.returncode, "P0 to P3" in said.stderr) == (64, True)
    said = paramedic("acknowledge", "inc-nothing")
    assert (said.returncode, "paramedic incidents --open" in said.stderr) == (64, True)
    said = paramedic("escalate", "--reason", "help")
    assert (said.returncode, "names no address" in said.stdout) == (1, True)
