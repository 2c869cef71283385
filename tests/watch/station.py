"""A service of cheap processes under a real ``paramedic``, for the tests of what its commands do to each other."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from living import SERVER, Living, Seen, until
from paramedic.model.incident import Incident, IncidentState
from paramedic.model.playbook import Plan
from paramedic.model.receipt import Launch, Phase, Receipt
from paramedic.sdk import load_packs
from paramedic.service import load


class Station(Living):
    """Components are mappings as in a service file; the names of ``sleepers`` become processes that only sleep."""

    def __init__(self, folder: Path, *sleepers: str, more: Mapping[str, Any] | None = None, **top: Any) -> None:
        self.folder = folder
        self.watching: subprocess.Popen[bytes] | None = None
        self._numbers = {name: str(6001 + index) for index, name in enumerate(sleepers)}
        (folder / "server.py").write_text(SERVER)
        self.write({name: self.sleeper(name) for name in sleepers} | dict(more or {}), **top)
        self.service = load(folder / "paramedic.yaml", load_packs(), os.environ)

    def sleeper(self, name: str, **keys: Any) -> dict[str, Any]:
        """A process that sleeps, told from the others by how long it does."""
        number = self._numbers.setdefault(name, str(6001 + len(self._numbers)))
        return {"kind": "process", "process": {"command": ["sleep", number]}, "interval": "500ms", **keys}

    def write(self, components: Mapping[str, Any], **top: Any) -> None:
        """The service file."""
        text = json.dumps({"service": "station", **top, "components": components}, indent=1)
        (self.folder / "paramedic.yaml").write_text(text)

    def watch(self, *arguments: str, **environment: str) -> None:
        """Start ``paramedic watch`` and wait until everything has been brought up."""
        log = self.folder / "watch.log"
        before = log.read_bytes().count(b"watching station") if log.exists() else 0
        self.watching = self.begin("watch", *arguments, **environment)
        until(lambda: log.read_bytes().count(b"watching station") > before, 30, f"watch is up: {log.read_text()}")

    def pid(self, name: str) -> int | None:
        """The process of a sleeper."""
        found = self.pids(self._numbers[name])
        assert len(found) < 2, f"{name} runs twice: {found}"
        return found[0] if found else None

    def kill(self, name: str) -> int:
        """Kill a sleeper as the kernel would; returns its pid."""
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def signal(self, number: signal.Signals) -> None:
        """To the watch."""
        assert self.watching is not None
        self.watching.send_signal(number)

    def suspend(self) -> None:
        """Stop the watch; it has stopped with every thread when this returns, which the signal alone does not say."""
        assert self.watching is not None
        pid = self.watching.pid
        self.signal(signal.SIGSTOP)
        until(lambda: os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG), 20, "the watch has stopped")

    def freeze(self) -> None:
        """Suspend the watch, but not in the middle of a transaction, which would lock everybody out."""

        def is_free() -> bool:
            self.suspend()
            base = sqlite3.connect(self.folder / ".paramedic" / "paramedic.db", timeout=0.2)
            try:
                base.execute("begin immediate")
                base.rollback()
            except sqlite3.OperationalError:
                self.signal(signal.SIGCONT)
                return False
            finally:
                base.close()
            return True

        until(is_free, 20, "the watch is between two transactions")

    def launches(self, name: str) -> tuple[Launch, ...]:
        """Every start of a component, newest first."""
        return self.read(lambda tx: tx.launches.recent(name, datetime(2000, 1, 1, tzinfo=UTC)), ())

    def read(self, look: Any, absent: Any = None) -> Any:
        """What the store says."""
        with self.store() as store:
            if store is None:
                return absent
            with store.read() as tx:
                return look(tx)

    def plans(self) -> tuple[Plan, ...]:
        """Plans for incidents, newest first."""
        return tuple(each for each in self.read(lambda tx: tx.plans.recent(500), ()) if each.incident)

    def asked(self, commands: int) -> None:
        """Wait until so many commands wait for an answer."""
        self._until(lambda: len(self.read(lambda tx: tx.commands.pending(), ())) == commands, 30, f"{commands} asked")

    def incident(self, component: str, *states: IncidentState, within_s: float = 30) -> Incident:
        """The newest incident of a component, once it is in one of these states."""
        wanted = states or (IncidentState.RESOLVED,)

        def look() -> Incident | None:
            found = [each for each in self.incidents() if each.component == component]
            return found[0] if found and found[0].state in wanted else None

        return self._until(look, within_s, f"{component} is {wanted}")

    def _until(self, look: Callable[[], Seen], within_s: float, what: str) -> Seen:
        """As ``until``; where there is no answer, what was going on is told."""
        try:
            return until(look, within_s, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told()}") from None

    def told(self) -> str:
        """For the message of a test that fails."""
        log = self.folder / "watch.log"
        return "\n".join([*map(str, self.incidents()), log.read_text()[-3000:] if log.exists() else ""])

    def once(self) -> None:
        """No step of any plan was done twice."""
        done = [(each.plan, each.step) for each in self.all_receipts() if each.phase is Phase.DONE]
        assert len(done) == len(set(done)), done
        assert self.breaks() == ()

    def all_receipts(self) -> tuple[Receipt, ...]:
        """Those of orders included."""
        return self.read(lambda tx: tx.receipts.recent(1000), ())

    def stop(self) -> None:
        """End everything that was started here."""
        if self.watching and self.watching.poll() is None:
            self.watching.kill()
            self.watching.wait()
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink(f"/proc/{name}/cwd").startswith(str(self.folder)):
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                continue

    def digests(self) -> dict[str, str]:
        """Every file of the patient, by what it holds; Paramedic's own state is not the patient."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".paramedic" not in path.parts
        }


def words(ended: subprocess.CompletedProcess[str]) -> str:
    """All that a command said."""
    return ended.stdout + ended.stderr


__all__ = ["IncidentState", "Station", "until", "words"]
