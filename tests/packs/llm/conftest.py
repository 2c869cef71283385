"""The stand-in for a model server, in the test's own loop; and files that are, or claim to be, models."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from paramedic.drills.servers.model_server import Conversation, ModelServer
from paramedic.packs.llm.target import Llm


class Running:
    """A stand-in that listens."""

    def __init__(self, server: ModelServer, port: int) -> None:
        self.server, self.port = server, port

    def target(self, **fields: Any) -> Llm:
        return Llm(**{"base_url": f"http://127.0.0.1:{self.port}/v1", "model": "tiny", **fields})

    @property
    def canaries(self) -> int:
        return sum(each.startswith("paramedic/") for each in self.server.asked)


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Start a stand-in that is gone after the test; takes its fields, and a ``mood``."""
    monkeypatch.setattr("paramedic.drills.servers.model_server.say", lambda _text: None)
    async with AsyncExitStack() as stack:

        async def start(mood: dict[str, Any] | None = None, **fields: Any) -> Running:
            server = ModelServer(**{"models": ["tiny"], "slots": 4, "context": 512, **fields})
            server.mood.token_s = 0.001
            for name, value in (mood or {}).items():
                setattr(server.mood, name, value)
            tasks: set[asyncio.Task[None]] = set()

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                tasks.add(task)
                try:
                    await Conversation(server, reader, writer).serve()
                except asyncio.CancelledError:
                    return  # the test is over
                finally:
                    tasks.discard(task)

            listener = await asyncio.start_server(talk, "127.0.0.1", 0)

            async def end() -> None:
                listener.close()
                for each in tuple(tasks):
                    each.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

            stack.push_async_callback(end)
            return Running(server, listener.sockets[0].getsockname()[1])

        yield start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a model's file stands."""
    return tmp_path / "models" / "tiny.gguf"
