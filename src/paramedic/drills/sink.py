"""A web hook of the drill's own, to see whether people were really told."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

_LIMIT = 1 << 20


class Sink:
    """Takes JSON posts on this machine while it is open: ``async with Sink() as sink``."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []  # Any: what Paramedic sends
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None, "the sink is open"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/people"

    def told(self, kind: str, code: str | None, component: str | None) -> bool:
        """Whether a message of this kind about this trouble arrived."""
        return any(
            each.get("kind") == kind and each.get("code") == code and each.get("component") == component
            for each in self.messages
        )

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=_LIMIT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "the sink is open"
        self._server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = "204 No Content"
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next((int(line[15:]) for line in head if line.startswith("content-length:")), 0)
            message = json.loads(await reader.readexactly(min(length, _LIMIT)))
            self.messages.append(message if isinstance(message, dict) else {"text": message})
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            status = "400 Bad Request"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()
