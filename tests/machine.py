"""A machine of its own for a test: nobody else's processes, ports and file systems, by Linux namespaces.

Where they may not be made, the test runs on the machine as it is, and says so.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_HOLDER = """
import fcntl, signal, socket, struct
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
print("up", flush=True)
while True:
    signal.pause()
"""
_KILLER = """
import os, sys
word, number = sys.argv[1], int(sys.argv[2])
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()):
        try:
            line = open(f"/proc/{name}/cmdline", "rb").read().replace(b"\\0", b" ").decode()
        except OSError:
            continue
        if word in line:
            print(name, line)
            if number:
                os.kill(int(name), number)
"""
_WITHIN_S = 30.0


class Machine:
    """Processes that see each other and nobody else; all of them end with it."""

    def __init__(self) -> None:
        user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        flags = [*user, "--pid", "--net", "--mount", "--mount-proc", "--fork", "--kill-child"]
        self.is_apart = False
        self._holder: subprocess.Popen[str] | None = None
        if shutil.which("unshare") and shutil.which("nsenter"):
            self._holder = subprocess.Popen(
                ["unshare", *flags, sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE, text=True
            )
            assert self._holder.stdout
            self.is_apart = self._holder.stdout.readline() == "up\n"
        self._started: list[subprocess.Popen[bytes]] = []
        if self.is_apart and self._holder:
            children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
            inside = ["--user", "--preserve-credentials"] if user else []
            self._enter = ["nsenter", "-t", children[0], *inside, "--pid", "--net", "--mount"]
            self.pid = int(children[0])
        else:
            self._enter = []
            self.pid = os.getpid()
            print("namespaces may not be made here: the test runs on the machine as it is")

    def run(self, *command: str | Path, cwd: Path, timeout_s: float = 100, **environment: str):
        """Run a command to its end."""
        return subprocess.run(
            self._command(command, cwd), env=_environment(environment), cwd=cwd, text=True,
            capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def paramedic(self, *arguments: str | Path, cwd: Path, **environment: str):
        """Run ``paramedic …``."""
        return self.run(sys.executable, "-m", "paramedic", *arguments, cwd=cwd, **environment)

    def start(self, *command: str | Path, cwd: Path, port: int | None = None, **environment: str) -> None:
        """Start a program, and wait until it listens."""
        with (cwd / "output.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(command, cwd), env=_environment(environment), cwd=cwd, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        if port is not None:
            self.until(lambda: self.listens(port), f"{command[0]} listens on {port}: {_tail(cwd / 'output.log')}")

    def signal(self, word: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to every process whose command line holds a word, and for an end wait until it came."""
        self.run(sys.executable, "-c", _KILLER, word, str(int(number)), cwd=Path("/"))
        if number in (signal.SIGTERM, signal.SIGKILL, signal.SIGQUIT):
            self.until(
                lambda: not self.run(sys.executable, "-c", _KILLER, word, "0", cwd=Path("/")).stdout, f"{word} ends"
            )

    def listens(self, port: int) -> bool:
        """Whether somebody listens on a port of this machine."""
        rows = "".join(Path(f"/proc/{self.pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
        return any(
            row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
            for row in rows.splitlines()
            if ":" in row.split()[0]
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + _WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def close(self) -> None:
        """End everything."""
        if self._holder:
            self._holder.kill()
            self._holder.wait()
        for each in self._started:
            if not self.is_apart:
                each.terminate()
            each.wait(timeout=_WITHIN_S)

    def _command(self, command, cwd: Path) -> list[str]:
        words = [str(each) for each in command]
        return [*self._enter, f"--wd={cwd}", "--", *words] if self._enter else words


def _environment(more: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC")}
    return {**clean, **more}


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-2000:]
