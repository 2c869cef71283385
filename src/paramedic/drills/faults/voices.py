"""A speech server that stops: a stand-in, where no real one runs."""

import signal
import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports


async def _with_a_voice(patient: Patient) -> None:
    """Give the patient what speaks as a speech server does."""
    (port,) = free_ports(1)
    python = [sys.executable, "-m"]
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "speech",
        "url": f"http://127.0.0.1:{port}",
        "voice": "anna",
        "interval": "500ms",
        "timeout": "3s",
        "process": {
            "command": [
                *(*python, "paramedic.drills.servers.keeper"),
                *(*python, "paramedic.drills.servers.speaker", str(port)),
            ],
            "port": port,
            "stop_timeout": "5s",
        },
    }
    patient.edit(lambda document: document["components"].update(voice=part))


@fault("tts-down", prepare=_with_a_voice)
async def crash_the_voice(patient: Patient) -> None:
    """Crash the speech server under a parent that does not notice."""
    await patient.send("voice", signal.SIGUSR1)
