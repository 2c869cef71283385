"""WebSockets that are closed, or that nobody answers on."""

from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient


async def _over_websocket(patient: Patient) -> None:
    """Let the front be looked at over its WebSocket."""
    port = patient.port("api")

    def change(document: dict[str, Any]) -> None:  # Any: the service file as it stands
        document["components"]["api"].update(
            kind="websocket", url=f"ws://127.0.0.1:{port}/ws", stays_open="1500ms", timeout="8s"
        )

    patient.edit(change)


@fault("websocket-drops", prepare=_over_websocket)
async def hang_up(patient: Patient) -> None:
    """Make the front close every WebSocket after a second until it is restarted."""
    patient.mark()
    await patient.post("api", "/sickness", {"drops_sockets_after_s": 1.0})


@fault("websocket-no-pong", prepare=_over_websocket)
async def ignore_pings(patient: Patient) -> None:
    """Make the front accept WebSockets and answer no ping until it is restarted."""
    patient.mark()
    await patient.post("api", "/sickness", {"ignores_pings": True})
