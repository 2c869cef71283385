"""A folder with a service file, and ``paramedic`` commands in it whose every way to end is held to the rules."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from living import until

CODES = {0, 1, 2, 3, 64, 70, 74, 75, 78, 130}
FAILURES = {64, 70, 74, 75, 78}
PARAMEDIC = (sys.executable, "-m", "paramedic")
PR_CAPBSET_DROP = 24
DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER = 1, 2, 3
SAMPLE = """\
service: ward
components:
  door: {kind: tcp, host: 127.0.0.1, port: 1, interval: 300ms}
"""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def is_decent(self) -> "Said":
        """A documented exit code, never a traceback, and a way out where something failed."""
        told = f"{self.arguments} ended with {self.code}\n{self.out}\n{self.err}"
        assert self.code in CODES, told
        for text in (self.out, self.err):
            assert "Traceback" not in text, told
            assert "fault of paramedic" not in text, told
            assert "Exception ignored" not in text, told
        if self.code in FAILURES:
            said = self.out + self.err  # what `config validate` finds is its report
            assert "hint:" in said or ", expected " in said, told
        return self


class Ward:
    """The folder."""

    def __init__(self, folder: Path, text: str | None = SAMPLE) -> None:
        self.folder = folder
        self.state = folder / ".paramedic"
        self.log = folder / "watch.log"
        if text is not None:
            (folder / "paramedic.yaml").write_text(text)

    def run(self, *arguments: str, ordinary: bool = False, within_s: float = 40, **environment: str) -> Said:
        """A command to its decent end. ``ordinary``: the rights of files hold for it, even if it is root's."""
        ended = subprocess.run(
            [*PARAMEDIC, *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=within_s,
            check=False,
            preexec_fn=as_ordinary_user if ordinary else None,
        )
        out, err = ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace")
        return Said(arguments, ended.returncode, out, err).is_decent()

    @contextmanager
    def watch(self, *arguments: str, wait: bool = True, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        """``paramedic watch`` in the background; at the end it is told to stop and must do so decently."""
        with self.log.open("ab") as log:
            watching = subprocess.Popen(
                [*PARAMEDIC, "watch", *arguments],
                cwd=self.folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            if wait:
                until(lambda: "watching " in self.said() or watching.poll() is not None, 40, "watch is up")
                assert watching.poll() is None, self.said()
            yield watching
            if watching.poll() is None:
                watching.send_signal(signal.SIGTERM)
            code = watching.wait(40)
            Said(("watch",), code, "", self.said()).is_decent()
        finally:
            if watching.poll() is None:
                watching.kill()
                watching.wait()
            self.clear()

    def said(self) -> str:
        """All that ``watch`` said until now."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, newest first."""
        found = self.run("incidents", "list", "--limit", "1000", "--format", "json").json
        assert isinstance(found, list)
        return found

    def status(self) -> dict[str, Any]:
        """Component to its standing."""
        return {each["name"]: each for each in self.run("status", "--format", "json").json["components"]}

    def ended_well(self, component: str) -> bool:
        """Whether there is an incident of the component, and it is resolved."""
        mine = [each for each in self.incidents() if each["component"] == component]
        return bool(mine) and all(each["state"] == "resolved" for each in mine)

    def pids(self, word: str = "") -> list[int]:
        """Living processes in this folder with this word in their command line."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                here = Path(os.readlink(f"/proc/{name}/cwd"))
                command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            is_ours = here == self.folder or self.folder in here.parents
            if is_ours and (not word or any(word.encode() in part for part in command)):
                found.append(int(name))
        return found

    def kill(self, word: str) -> None:
        """SIGKILL to every process in this folder with this word in its command line."""
        pids = self.pids(word)
        assert pids, f"no process `{word}`"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def clear(self) -> None:
        """End everything that lives in this folder."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def as_ordinary_user() -> None:
    """Let the rights of files hold for root, too (it could not even reach its own Python as somebody else)."""
    libc = ctypes.CDLL(None)
    for capability in (DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own at the place."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free; removing the file that is returned makes room again."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast
