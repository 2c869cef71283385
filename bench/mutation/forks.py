"""Processes of their own for mutants: one change each, one verdict each, and nothing left behind."""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

NO_PYTHON = "no python"
AFRESH = "afresh"
SURVIVED = "survived"
_PAUSE_S = 0.003
_MEMORY = Path("/dev/shm")
"""Where there is such a folder the tests write there: half of their time is spent waiting for disks."""


class Forks:
    """Runs each piece of work in a fork and hears its last word."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self._closed: list[int] = []
        self._janitor()

    def _janitor(self) -> None:
        """A process that waits for the end of this one, kills what is left of its forks, and removes the folder."""
        reading, writing = os.pipe()
        if os.fork():
            os.close(reading)
            self._closed.append(writing)
            return
        os.setsid()
        os.close(writing)
        os.read(reading, 1)  # nothing is ever written: it returns when nobody is left who could
        for each in self.folder.iterdir():
            if each.name.isdecimal():
                end(int(each.name))
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)

    def one(self, act: Callable[[Path], str]) -> str:
        """What one piece of work says."""
        ((_, said),) = self.each([act], lambda: False)
        return said

    def each(self, work: Iterable[Callable[[Path], str]], late: Callable[[], bool]) -> Iterable[tuple[int, str]]:
        """The number of each piece and what it says, as they end. None is begun when it is late."""
        waiting = enumerate(work)
        running: dict[int, int] = {}
        more = True
        while more or running:
            while more and len(running) < self.jobs:
                number, act = next(waiting, (-1, None)) if not late() else (-1, None)
                more = act is not None
                if act is not None:
                    running[self._begin(act)] = number
            for pid in list(running):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    yield running.pop(pid), self._ended(pid, status)
            time.sleep(_PAUSE_S)

    def _begin(self, act: Callable[[Path], str]) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.setsid()
            work = self.folder / str(os.getpid())
            work.mkdir()
            for each in self._closed:
                os.close(each)  # the janitor would wait for it
            os.chdir(work)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.environ["PARAMEDIC_GUARD_DIR"] = str(work / "guards")
            random.seed(0)
            said = act(work)
            (work / "said").write_text(said)
            code = 0
        except BaseException:
            import traceback

            (self.folder / f"{os.getpid()}.trouble").write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def _ended(self, pid: int, status: int) -> str:
        end(pid)
        work = self.folder / str(pid)
        said = work / "said"
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            word = f"killed {signal.Signals(-code).name}"
        elif code == 0 and said.exists():
            word = said.read_text()
        else:
            trouble = self.folder / f"{pid}.trouble"
            print(f"a fork failed: {trouble.read_text() if trouble.exists() else code}", file=sys.stderr)
            os._exit(2)  # pytest would take any exception for its own; the janitor sees to the rest
        shutil.rmtree(work, ignore_errors=True)
        return word


def end(pid: int) -> None:
    """A fork and the programs that its tests had started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def limit(seconds: float) -> None:
    """End this process if it is not at its next limit by then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
