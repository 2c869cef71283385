"""Signals at bad moments, readers that go away, poor terminals."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hostile.ward import PARAMEDIC, Said, Ward
from living import free_port, until

SLOW = """
import http.server, sys, time
time.sleep(float(sys.argv[2]))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"well")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def slow(folder: Path, seconds: float) -> Ward:
    """A ward with a server that takes its time to come up."""
    (folder / "slow.py").write_text(SLOW)
    port = free_port()
    return Ward(
        folder,
        f"""\
service: ward
components:
  api:
    kind: http
    url: http://127.0.0.1:{port}/
    interval: 300ms
    process: {{command: ["{sys.executable}", slow.py, "{port}", "{seconds}"]}}
""",
    )


@pytest.mark.parametrize(
    ("after_s", "number"),
    [
        (0.8, signal.SIGTERM),
        (0.8, signal.SIGINT),
        (1.5, signal.SIGTERM),
        *(
            pytest.param(after_s, number, marks=pytest.mark.slow)
            for after_s in (0.3, 0.5, 1.0, 1.5, 2.5)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        ),
    ],
)
def test_a_signal_while_watch_starts_is_obeyed(tmp_path: Path, number: signal.Signals, after_s: float) -> None:
    """It ends, or reads its file again; nothing is left running that nobody knows of."""
    ward = slow(tmp_path, 3)
    with ward.log.open("wb") as log:
        watching = subprocess.Popen([*PARAMEDIC, "watch"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        time.sleep(after_s)
        watching.send_signal(number)
        if number is signal.SIGHUP:
            time.sleep(2)
            if watching.poll() is None:  # before Python runs our code the signal is the kernel's
                watching.send_signal(signal.SIGTERM)
        code = watching.wait(20)
        assert "Traceback" not in ward.said()
        if code >= 0:
            Said(("watch",), code, "", ward.said()).is_decent()
            until(lambda: not ward.pids("slow.py"), 30, "what was started is stopped")
        else:
            assert not (ward.state / "node.lock").exists(), f"died of {code} after it had begun"
            assert not ward.pids("slow.py")
    finally:
        watching.kill()
        watching.wait()
        ward.clear()


@pytest.mark.slow
def test_told_twice_watch_leaves_at_once(tmp_path: Path) -> None:
    """In the middle of a recovery; what runs goes on running, and the next watch finds it and its incident."""
    ward = slow(tmp_path, 4)
    with ward.watch() as watching:
        ward.kill("slow.py")
        until(lambda: ward.pids("slow.py"), 20, "the recovery has begun")
        watching.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        began = time.monotonic()
        watching.send_signal(signal.SIGTERM)
        watching.wait(10)
        assert time.monotonic() - began < 7
        running = ward.pids("slow.py")
        assert running
        ward.log.unlink()
        with ward.watch():
            until(lambda: ward.ended_well("api"), 30, "the incident has its end")
            assert ward.pids("slow.py") == running, "it was adopted"
        assert ward.run("audit", "verify").code == 0


@pytest.mark.slow
def test_hang_ups_disturb_no_recovery(tmp_path: Path) -> None:
    """SIGHUP reads the service file again, also in the middle of a recovery and many times."""
    ward = slow(tmp_path, 1)
    with ward.watch() as watching:
        ward.kill("slow.py")
        for _ in range(20):
            watching.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        until(lambda: ward.ended_well("api"), 30, "the incident has its end")
        assert ward.said().count("read again") >= 2
    assert ward.run("audit", "verify").code == 0


@pytest.mark.slow
def test_told_once_watch_brings_everything_down(tmp_path: Path) -> None:
    """In the middle of a recovery, too; the incident stays for the next watch."""
    ward = slow(tmp_path, 2)
    with ward.watch() as watching:
        ward.kill("slow.py")
        until(lambda: ward.pids("slow.py"), 20, "the recovery has begun")
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 0
        assert not ward.pids("slow.py")
        ward.log.unlink()
        with ward.watch():
            until(lambda: ward.ended_well("api"), 30, "the incident has its end")


def test_an_interrupted_check_shows_what_it_has(tmp_path: Path) -> None:
    """Exit 130, the report so far on stdout."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        port = listener.getsockname()[1]
        (tmp_path / "paramedic.yaml").write_text(
            f"service: ward\ncomponents:\n  door: {{kind: tcp, host: 127.0.0.1, port: 1}}\n"
            f"  hung: {{kind: http, url: 'http://127.0.0.1:{port}/', timeout: 30s}}\n"
        )
        said = interrupted(Ward(tmp_path, None), 2.0, "check")
    assert said.code == 130
    assert "tcp.refused" in said.out


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_recover_leaves_no_half_state(tmp_path: Path, number: signal.Signals) -> None:
    """Whenever it comes: the next one brings it to its end, and nothing was done twice."""
    ward = slow(tmp_path, 3)
    said = interrupted(ward, 3.0, "recover", number=number)
    assert said.code in (130, -signal.SIGTERM)
    assert ward.run("recover").code == 0
    assert len(ward.pids("slow.py")) == 1
    assert ward.run("audit", "verify").code == 0
    receipts = ward.run("receipts", "--format", "json").json
    moments = [(each["plan"], each["step"], each["attempt"], each["phase"]) for each in receipts]
    assert len(moments) == len(set(moments))
    ward.clear()


def interrupted(ward: Ward, after_s: float, *arguments: str, number: signal.Signals = signal.SIGINT) -> Said:
    """A command that is sent a signal."""
    running = subprocess.Popen(
        [*PARAMEDIC, *arguments], cwd=ward.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(after_s)
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    said = Said(arguments, running.returncode, out, err)
    return said if said.code < 0 else said.is_decent()


@pytest.mark.parametrize(
    "command",
    [
        ("check", "-v"),
        ("status",),
        ("--help",),
        *(
            pytest.param(command, marks=pytest.mark.slow)
            for command in (
                ("check", "--format", "json"),
                ("checks",),
                ("explain", "tcp.refused"),
                ("config", "schema"),
                ("incidents", "list"),
            )
        ),
    ],
)
def test_a_reader_that_goes_away_is_no_trouble(ward: Ward, command: tuple[str, ...]) -> None:
    """``| head -1``, and a stdout that is closed from the beginning."""
    for line in ('"$@" | head -c 1', '"$@" >&-', '"$@" > /dev/full'):
        ended = subprocess.run(
            ["sh", "-c", line, "sh", *PARAMEDIC, *command],
            cwd=ward.folder,
            capture_output=True,
            errors="replace",
            timeout=30,
            check=False,
        )
        assert "Traceback" not in ended.stderr, (line, ended.stderr)
        assert "Exception ignored" not in ended.stderr, (line, ended.stderr)
        assert "fault of paramedic" not in ended.stderr, (line, ended.stderr)


POOR = {
    "dumb": {"TERM": "dumb"},
    "no colour": {"NO_COLOR": "1"},
    "C": {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "", "PYTHONUTF8": "0"},
    "POSIX ascii": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"},
    "narrow": {"COLUMNS": "40"},
}


@pytest.mark.parametrize(
    "what",
    ["narrow", "POSIX ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dumb", "no colour", "C"))],
)
def test_a_poor_terminal_is_served(tmp_path: Path, what: str) -> None:
    """Without colour, without UTF-8, forty columns wide, with names and words that are none of ASCII."""
    ward = Ward(
        tmp_path,
        "service: größe\ncomponents:\n"
        + "".join(
            f"  a-very-long-name-of-a-component-{n}: {{kind: tcp, host: 127.0.0.1, port: 1}}\n" for n in range(3)
        ),
    )
    for command in (("check", "-v"), ("status",), ("checks",), ("incidents", "list"), ("explain", "tcp.refused")):
        code, out = on_terminal(ward, command, POOR[what])
        assert "Traceback" not in out
        assert code in (0, 1, 2, 3)
        if what in ("dumb", "no colour"):
            assert "\x1b[3" not in out
        if what == "POSIX ascii":
            assert out.isascii()


def on_terminal(ward: Ward, command: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of forty columns; its exit code and all that it wrote."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = subprocess.Popen(
        [*PARAMEDIC, *command],
        cwd=ward.folder,
        env={**os.environ, "TERM": "xterm", **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    out, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.2)
        try:
            chunk = os.read(master, 65536) if ready else b""
        except OSError:
            break
        if ready and not chunk:
            break
        out += chunk
    os.close(master)
    return process.wait(10), out.decode(errors="replace")
