"""The shop's WebSocket, ``/ws``: whatever a customer says comes back as ``{"heard": …}``, until one side hangs up."""

import asyncio
import contextlib

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from paramedic.demo.patient.sickness import Sickness

_GONE_AWAY = 1001


def add_socket(app: FastAPI, sickness: Sickness) -> None:
    """Let the application speak WebSocket; a sick one hangs up after a while."""

    @app.websocket("/ws")
    async def hear(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):  # the customer hung up
            try:
                async with asyncio.timeout(sickness.drops_sockets_after_s or None):
                    while True:
                        await socket.send_json({"heard": await socket.receive_text()})
            except TimeoutError:
                await socket.close(_GONE_AWAY)


def protocol(sickness: Sickness) -> type[WebSocketsSansIOProtocol]:
    """What speaks WebSocket for uvicorn; a sick one never answers a ping."""

    class Hearing(WebSocketsSansIOProtocol):
        def handle_ping(self) -> None:
            if sickness.ignores_pings:
                self.conn.data_to_send()  # the pong that is ready is thrown away
            else:
                super().handle_ping()

    return Hearing
