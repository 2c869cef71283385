"""Owners for tests: a real supervisord, a real runit, and stand-ins for programs that cannot run here."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from paramedic.model.component import Owner

SUPERVISORCTL = str(Path(sys.executable).with_name("supervisorctl"))
SUPERVISORD = str(Path(sys.executable).with_name("supervisord"))
_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a stand-in answers to a command line that holds these words."""

    words: tuple[str, ...]
    out: str = ""
    err: str = ""
    code: int = 0
    state: str | None = None
    """Only while it is in this state; ``None`` always."""
    becomes: str | None = None
    """The state that it is in afterwards."""


class StandIn:
    """A program by the name of ``docker`` or the like that only records how it is called, and answers by rules."""

    def __init__(self, folder: Path, name: str, rules: Sequence[Rule], state: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._home, self._name = folder, name
        (folder / f"{name}.rules").write_text(json.dumps([asdict(each) for each in rules]))
        (folder / f"{name}.state").write_text(state)
        program = folder / name
        program.write_text(
            f"#!{sys.executable} -IS\n"
            "import json, pathlib, sys\n"
            f"home = pathlib.Path({str(folder)!r}) / {name!r}\n"
            "words, state = sys.argv[1:], home.with_suffix('.state')\n"
            "home.with_suffix('.calls').open('a').write(json.dumps(words) + '\\n')\n"
            "for rule in json.loads(home.with_suffix('.rules').read_text()):\n"
            "    if set(rule['words']) <= set(words) and rule['state'] in (None, state.read_text()):\n"
            "        print(rule['out'], end=''), print(rule['err'], end='', file=sys.stderr)\n"
            "        rule['becomes'] is None or state.write_text(rule['becomes'])\n"
            "        sys.exit(rule['code'])\n"
            "sys.exit('a stand-in without a rule for ' + ' '.join(words))\n"
        )
        program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """Every command line it was called with, oldest first."""
        recorded = self._home / f"{self._name}.calls"
        return [json.loads(line) for line in recorded.read_text().splitlines()] if recorded.exists() else []

    @property
    def acts(self) -> list[list[str]]:
        """Those that were no questions."""
        questions = {"inspect", "show", "get", "ps", "status"}
        return [each for each in self.calls if not questions & set(each)]

    def become(self, state: str) -> None:
        """Be in another state."""
        (self._home / f"{self._name}.state").write_text(state)


def until(look: Callable[[], object], what: str) -> None:
    """Wait for a condition; fails when it does not come true."""
    deadline = time.monotonic() + _WITHIN_S
    while not look():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


class Supervisord:
    """A real supervisord in a folder, with one program ``api`` and a log of every start."""

    def __init__(self, folder: Path, command: str, *, autorestart: str = "false", startsecs: int = 0) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "supervisord.conf").write_text(
            "[unix_http_server]\nfile=%(here)s/s.sock\n"
            "[supervisord]\nlogfile=%(here)s/s.log\npidfile=%(here)s/s.pid\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n"
            f"[program:api]\ncommand={command}\ndirectory=%(here)s\nautorestart={autorestart}\n"
            f"startsecs={startsecs}\nstartretries=1\n"
        )
        self.process = subprocess.Popen(
            [SUPERVISORD, "-n", "-c", "supervisord.conf"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until((folder / "s.sock").exists, "supervisord listens")
        self.owner = Owner(manager="supervisord", unit="api", options=("-c", "supervisord.conf"))

    def tell(self, *words: str) -> str:
        """What its control program says."""
        done = subprocess.run(
            [SUPERVISORCTL, "-c", "supervisord.conf", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN_S,
        )
        return done.stdout

    def pid(self) -> int:
        """The process of ``api``; 0 where there is none."""
        said = self.tell("pid", "api").strip()
        return int(said) if said.isdecimal() else 0

    def status(self) -> str:
        """What ``supervisorctl status`` says."""
        return self.tell("status", "api")

    def kill(self) -> None:
        """Kill the child, as a fault would."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.pid() != pid, "its end is noticed")

    def end(self) -> None:
        """Gone with all its children."""
        self.process.terminate()
        self.process.wait(_WITHIN_S)


def runit() -> str | None:
    """Where the real ``runsv`` is, if it is here."""
    return shutil.which("runsv", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")


class Runit:
    """A real runsv over one service folder."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder
        service = folder / "sv" / "api"
        service.mkdir(parents=True)
        (service / "run").write_text(f"#!/bin/sh\n{script}\n")
        (service / "run").chmod(0o755)
        self.process = subprocess.Popen([runit() or "runsv", str(service)], cwd=folder, stderr=subprocess.DEVNULL)
        until((service / "supervise" / "ok").exists, "runsv answers")
        self.owner = Owner(manager="runit", unit="./sv/api")

    def pid(self) -> int:
        """The process of the service; 0 where there is none."""
        said = subprocess.run(
            ["sv", "status", "./sv/api"], cwd=self.folder, capture_output=True, text=True, check=False
        ).stdout
        found = re.match(r"run: \S+ \(pid (\d+)\)", said)
        return int(found[1]) if found else 0

    def end(self) -> None:
        """Gone with its child."""
        self.process.terminate()
        self.process.wait(_WITHIN_S)
