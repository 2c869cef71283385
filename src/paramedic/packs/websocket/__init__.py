"""Any server that speaks WebSocket."""

from paramedic.packs.websocket.checks import stays_open
from paramedic.packs.websocket.target import WebSocket
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="websocket",
    kinds=(
        Kind(
            name="websocket",
            summary="any server that speaks WebSocket",
            target=WebSocket,
            address=lambda target: target.address,
        ),
    ),
    checks=(stays_open,),
)
