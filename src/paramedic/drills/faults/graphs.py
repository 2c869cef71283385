"""A graph database that stops: a stub that speaks Bolt stands in for Neo4j, which cannot run everywhere."""

import signal
import sys
from importlib.util import find_spec
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports


def _impossible() -> str | None:
    return None if find_spec("neo4j") else "the driver `neo4j` is not installed"


async def _with_a_graph(patient: Patient) -> None:
    """Give the patient what speaks as a Neo4j."""
    (port,) = free_ports(1)
    python = [sys.executable, "-m"]
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "neo4j",
        "dsn": f"neo4j://127.0.0.1:{port}",
        "interval": "500ms",
        "timeout": "3s",
        "process": {
            "command": [
                *(*python, "paramedic.drills.servers.keeper"),
                *(*python, "paramedic.drills.servers.bolt_stub", str(port)),
            ],
            "port": port,
            "stop_timeout": "5s",
        },
    }
    patient.edit(lambda document: document["components"].update(graph=part))


@fault("neo4j-unavailable", prepare=_with_a_graph, impossible=_impossible)
async def crash_the_graph(patient: Patient) -> None:
    """Crash the stub of a Neo4j under a parent that does not notice."""
    await patient.send("graph", signal.SIGUSR1)
