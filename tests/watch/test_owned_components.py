"""A real ``paramedic watch`` over a server that somebody else starts: a real supervisord, a real runit."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from living import PARAMEDIC, SERVER, free_port
from owners import Runit, Supervisord, runit, until
from paramedic.model.clock import SystemClock
from paramedic.model.incident import Incident
from paramedic.model.receipt import Receipt
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.store import Transaction, read_store

Owning = Supervisord | Runit
Seen = TypeVar("Seen")
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


class Watched:
    """A folder with a server under its owner, and the watch over it."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder, port = folder, free_port()
        (folder / "server.py").write_text(SERVER)
        command = f"{sys.executable} server.py {port}"
        self.owner: Owning = (
            Runit(folder, f"cd {folder}; exec {command}")
            if owner == "runit"
            else Supervisord(folder, command, autorestart="unexpected", startsecs=1)
            if owner == "supervisord-restarts"
            else Supervisord(folder, command)
        )
        unit = "runit: ./sv/api" if owner == "runit" else "supervisord: api, options: [-c, supervisord.conf]"
        self.file = folder / "paramedic.yaml"
        self.file.write_text(
            f"service: owned\ncomponents:\n  api: {{kind: http, url: 'http://127.0.0.1:{port}/', interval: 300ms,"
            f" timeout: 2s, owner: {{{unit}}}}}\n"
        )
        self.watching: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        """Start ``paramedic watch`` and wait until all is well."""
        with (self.folder / "watch.log").open("ab") as log:
            self.watching = subprocess.Popen(
                [*PARAMEDIC, "watch"], cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log
            )
        until(self.is_well, "all is well")

    def run(self, *words: str) -> dict[str, object]:
        """What a command answers in JSON."""
        done = subprocess.run(
            [*PARAMEDIC, *words], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.stdout, done.stderr
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def is_well(self) -> bool:
        """Whether both checks have looked, and pass."""
        latest = self._read(lambda tx: list(tx.findings.latest())) or []
        return {each.check for each in latest} >= {"http.answers", "container.state"} and all(
            each.status in ("ok", "info") for each in latest
        )

    def record(self) -> tuple[list[Incident], list[Receipt]]:
        """Incidents and the receipts of their plans."""

        def read(tx: Transaction) -> tuple[list[Incident], list[Receipt]]:
            incidents = list(tx.incidents.list())
            plans = [plan for each in incidents for plan in tx.plans.of(each.id)]
            return incidents, [receipt for plan in plans for receipt in tx.receipts.of(plan.id)]

        return self._read(read) or ([], [])

    def _read(self, read: Callable[[Transaction], Seen]) -> Seen | None:
        settings = load(self.file, load_packs(), os.environ).settings
        store = read_store(settings.store, node=settings.node, clock=SystemClock())
        if store is None:
            return None
        try:
            with store.begin() as tx:
                return read(tx)
        finally:
            store.close()

    def end(self) -> None:
        """Everything is gone."""
        if self.watching:
            self.watching.send_signal(signal.SIGTERM)
            try:
                self.watching.wait(20)
            except subprocess.TimeoutExpired:
                self.watching.kill()
                self.watching.wait()
        self.owner.end()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[[str], Watched]]:
    """Lays one out under an owner."""
    made: list[Watched] = []

    def make(owner: str) -> Watched:
        made.append(Watched(tmp_path, owner))
        return made[-1]

    yield make
    for each in made:
        each.end()


RUNIT = pytest.param(
    "runit",
    marks=[pytest.mark.system, pytest.mark.skipif(runit() is None, reason="the Debian package `runit` is not here")],
)


@pytest.mark.parametrize("owner", ["supervisord", RUNIT])
def test_what_its_owner_leaves_down_is_restarted_through_it(watched: Callable[[str], Watched], owner: str) -> None:
    """Killed or stopped behind Paramedic's back: noticed, restarted through the owner, verified; then ordered by hand."""
    scene = watched(owner)
    scene.watch()
    if isinstance(scene.owner, Supervisord):
        scene.owner.kill()
    else:
        subprocess.run(["sv", "down", "./sv/api"], cwd=scene.folder, check=True, capture_output=True)
    until(lambda: any(each.resolved_at for each in scene.record()[0]), "the incident is resolved")
    incidents, receipts = scene.record()
    assert len(incidents) == 1
    done = [each for each in receipts if each.phase == "done"]
    assert [each.action for each in done] == ["process.restart"]
    assert f"through {owner}" in done[0].detail
    healed = scene.owner.pid()
    assert healed

    assert scene.run("restart", "api", "--format", "json")["verified"] is True
    assert scene.owner.pid() not in (0, healed)
    assert scene.run("stop", "api", "--format", "json")["verified"] is True
    assert scene.owner.pid() == 0
    assert scene.run("start", "api", "--format", "json")["verified"] is True
    assert scene.owner.pid()
    assert len(scene.record()[0]) == 1


def test_a_crash_loop_under_an_owner_goes_to_a_person(watched: Callable[[str], Watched]) -> None:
    """What supervisord gives up is told as a loop; Paramedic does not go on where its owner has stopped trying."""
    scene = watched("supervisord-restarts")
    scene.watch()
    (scene.folder / "server.py").write_text("import sys; sys.exit('no settings')\n")
    assert isinstance(scene.owner, Supervisord)
    scene.owner.kill()
    until(lambda: "FATAL" in scene.owner.status(), "supervisord gives up")
    until(lambda: any(each.escalated_at for each in scene.record()[0]), "a person is called")
    incidents, receipts = scene.record()
    assert any("container.crash-loop" in repr(each) for each in incidents)
    assert len([each for each in receipts if each.phase == "intent"]) <= 9
