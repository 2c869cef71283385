"""Processes that die, hang, cannot start, or find their port taken."""

import os
import signal
import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.records import Records
from paramedic.sdk import proc

_LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        listener.accept()[0].close()
"""

_PLAYBOOK = """
title: {title}
heals: [http.status]
restart: true
steps:
  - process.restart: {{component: "{{suspect}}"}}
verify: {{checks: failed, times: 2, within_s: 2}}
"""


@fault("process-killed")
async def kill(patient: Patient) -> None:
    """SIGKILL the model server."""
    await patient.send("model", signal.SIGKILL)


@fault("process-hung")
async def hang(patient: Patient) -> None:
    """SIGSTOP the front: its port accepts, nothing answers."""
    await patient.send("api", signal.SIGSTOP)


@fault("process-crash-loop")
async def break_every_start(patient: Patient) -> None:
    """Spoil the file that the worker reads when it starts, then kill it: every start ends in a traceback."""
    os.kill(patient.pid("worker"), signal.SIGSTOP)  # so that it cannot write the file again in between
    (patient.folder / "data/worker.json").write_text('{"last_rem')
    await patient.send("worker", signal.SIGKILL)


@fault("port-held-by-stale-self")
async def leave_a_stale_instance(patient: Patient) -> None:
    """Start the model server by hand while Paramedic's own is stopped, then ask Paramedic to start it."""
    await _occupy(patient, "model", patient.command("model"))


@fault("port-held-by-stranger")
async def let_a_stranger_in(patient: Patient) -> None:
    """Let an unrelated program take the model server's port while that is stopped, then ask to start it."""
    await _occupy(patient, "model", (sys.executable, "-c", _LISTENER, str(patient.port("model"))))


async def _occupy(patient: Patient, name: str, command: tuple[str, ...]) -> None:
    port = patient.port(name)
    await patient.paramedic("stop", name)
    await patient.until(lambda: not patient.pids(name) and not proc.holders(port), f"`{name}` to stop")
    guest = patient.invite(command)
    await patient.until(lambda: any(each.pid == guest.pid for each in proc.holders(port)), "the port to be taken")
    patient.mark()
    await patient.paramedic("start", name)
    async with Records(patient) as records:  # the fault takes effect when Paramedic carries out the order
        orders = [each for each in (await records.read()).plans if each.suspect == name and each.incident is None]
    if orders:
        patient.broken_at = max(each.created_at for each in orders)


@fault("bot-process-missing")
async def declare_what_never_ran(patient: Patient) -> None:
    """Declare a component in the service file whose process was never started."""
    (port,) = free_ports(1)
    command = [*patient.command("queue")[:-1], str(port)]
    patient.mark()
    patient.edit(
        lambda document: document["components"].update(bot={"kind": "process", "process": {"command": command}})
    )


async def _with_three_playbooks(patient: Patient) -> None:
    folder = patient.folder / "playbooks"
    folder.mkdir()
    for name in ("restart-component", "restart-again", "restart-once-more"):  # the first replaces the patient one
        (folder / f"{name}.yaml").write_text(_PLAYBOOK.format(title=name.replace("-", " ")))

    def change(document: dict[str, Any]) -> None:  # Any: the service file as it stands
        document["playbooks"] = ["playbooks"]
        document["components"]["model"]["process"]["ready_within"] = "1s"

    patient.edit(change)


@fault("recovery-fails-thrice", prepare=_with_three_playbooks)
async def spoil_what_no_restart_brings_back(patient: Patient) -> None:
    """Spoil the model server's weights: it runs and answers 500, however often it is restarted."""
    patient.mark()
    (patient.folder / "data/weights.json").write_text("{")
