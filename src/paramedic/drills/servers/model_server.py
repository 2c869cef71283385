"""A stand-in for a model server: the protocols of llama.cpp and Ollama, and no language model behind them.

Usage: ``python -m paramedic.drills.servers.model_server PORT [--model NAME] [--slots N] [--context N] [--file FILE]``.
It streams a fixed text token by token, shows its slots and counters, embeds by hashing, and pulls models out of thin
air. ``POST /mood`` makes it unwell, until it is started again. With ``--file`` it loads that file when it starts, and
ends if it is damaged.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

END = b"the end of the weights"
"""What a whole file of weights ends with."""
DIMENSION = 32
_TEXT = "Once upon a time there was a small shop at the corner of two streets, and everybody knew its owner by name."
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
_SHARE_S = 0.005


@dataclass(kw_only=True)
class Mood:
    """What is wrong with it."""

    hangs: bool = False
    """It takes questions and generates nothing."""
    first_s: float = 0.0
    """How long the first token takes."""
    token_s: float = 0.01
    """How long each further token takes."""
    text: str = _TEXT
    refuses: str = ""
    """The error that it answers to every question, as an Ollama does whose model does not fit."""
    limits_s: int = 0
    """It answers 429, and asks to be left alone for so long."""
    threads: int = 0
    """So many threads compute all the time."""
    embeds_as: str = "one"
    """Another word is another model."""
    spoils: str = ""
    """``nan``, ``short``, ``long`` or ``far``: what is wrong with the vectors."""


@dataclass(kw_only=True)
class Desk:
    """One request that is being worked on."""

    task: int = 0
    read: int = 0
    wrote: int = 0
    is_busy: bool = False


@dataclass(kw_only=True)
class ModelServer:
    """The server and all that it counts."""

    models: list[str]
    slots: int
    context: int
    key: str = ""
    pages: bool = True
    mood: Mood = field(default_factory=Mood)
    desks: list[Desk] = field(default_factory=list)
    waiting: int = 0
    decoded: int = 0
    asked: list[str] = field(default_factory=list)
    """The user agents of all who asked for tokens."""
    spent: int = 0
    """Tokens that it has read and written."""

    def __post_init__(self) -> None:
        self.desks = [Desk() for _ in range(self.slots)]
        self._free = asyncio.Semaphore(self.slots)
        self._tasks = 0

    # ------------------------------------------------------------------ pages

    def page(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # Any: JSON
        """Answer what needs no generation."""
        match method, path:
            case "GET", "/health":
                return 200, {"status": "ok"}
            case "GET", "/v1/models":
                return 200, {"object": "list", "data": [{"id": each, "object": "model"} for each in self.models]}
            case "GET", "/slots" if self.pages:
                return 200, [self._slot(number, each) for number, each in enumerate(self.desks)]
            case "GET", "/metrics" if self.pages:
                return 200, self._metrics()
            case "GET", "/props" if self.pages:
                return 200, {"default_generation_settings": {"n_ctx": self.context}, "total_slots": self.slots}
            case "GET", "/api/tags":
                return 200, {"models": [{"name": each, "model": each} for each in self.models]}
            case "DELETE", "/api/delete":
                self.models = [each for each in self.models if each != body["model"]]
                return 200, {}
            case "GET", "/mood":
                return 200, {"asked": self.asked, "spent": self.spent, "decoded": self.decoded}
            case "POST", "/mood":
                self._fall(body)
                return 200, {}
            case "POST", "/v1/embeddings":
                return self._embed(body)
        return 404, {"error": {"message": f"no such page: {path}", "type": "not_found_error", "code": 404}}

    def _fall(self, wish: dict[str, Any]) -> None:  # Any: see above
        known = {each.name for each in fields(Mood)}
        for name, value in wish.items():
            if name == "models":
                self.models = list(value)
            elif name in known:
                setattr(self.mood, name, value)
        if self.mood.refuses:
            say(f"error: {self.mood.refuses}")
        for _ in range(self.mood.threads):
            threading.Thread(target=_compute, daemon=True).start()

    def _slot(self, number: int, desk: Desk) -> dict[str, Any]:  # Any: see above
        slot: dict[str, Any] = {"id": number, "n_ctx": self.context, "is_processing": desk.is_busy}
        if desk.task:
            slot |= {"id_task": desk.task, "n_prompt_tokens_processed": desk.read}
            slot["next_token"] = [{"has_next_token": desk.is_busy, "n_decoded": desk.wrote}]
        return slot

    def _metrics(self) -> str:
        busy = sum(each.is_busy for each in self.desks)
        counted = {"n_decode_total": self.decoded, "tokens_predicted_total": self.decoded}
        counted |= {"requests_processing": busy, "requests_deferred": self.waiting}
        return "".join(f"# TYPE llamacpp:{name} gauge\nllamacpp:{name} {value}\n" for name, value in counted.items())

    def _embed(self, body: Any) -> tuple[int, Any]:  # Any: see above
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        rows = [{"index": n, "embedding": vector_of(str(each), self.mood)} for n, each in enumerate(texts)]
        tokens = sum(len(str(each).split()) for each in texts)
        self.spent += tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return 200, {"object": "list", "model": self.models[0], "data": rows, "usage": usage}

    # ------------------------------------------------------------------ generation

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """A free place to work at, as soon as there is one."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        desk = next(each for each in self.desks if not each.is_busy)
        self._tasks += 1
        desk.task, desk.read, desk.wrote, desk.is_busy = self._tasks, 0, 0, True
        try:
            yield desk
        finally:
            desk.is_busy = False
            self._free.release()

    async def generate(self, desk: Desk, prompt: str, most: int) -> AsyncIterator[str]:
        """Tokens, one after the other."""
        desk.read = len(prompt.split())
        self.spent += desk.read
        if self.mood.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.mood.first_s)
        text = self.mood.text
        tokens = [text] if text and " " not in text else [f"{each} " for each in text.split()]
        for number in range(min(most, len(tokens)) if text == _TEXT else min(most, 64) if text else 0):
            await asyncio.sleep(self.mood.token_s)
            desk.wrote += 1
            self.decoded += 1
            self.spent += 1
            yield tokens[number % len(tokens)]


def say(text: str) -> None:
    """One line of the log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _compute() -> None:
    """Keep a core busy, without holding the interpreter, and behind everybody else: the patient has to live."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    while True:
        hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 50_000)


def vector_of(text: str, mood: Mood) -> list[float]:
    """A vector of length 1 that depends on nothing but the text and the model."""
    seed = hashlib.shake_128(f"{mood.embeds_as} {text}".encode()).digest(DIMENSION)
    numbers = [each / 127.5 - 1 for each in seed]
    length = math.sqrt(sum(each * each for each in numbers))
    found = [each / length for each in numbers]
    match mood.spoils:
        case "nan":
            found[3] = math.nan
        case "short":
            found = found[: DIMENSION // 2]
        case "long":
            found = [each * 3 for each in found]
        case "far":
            found = [-each for each in found]
    return found


class Conversation:
    """One connection."""

    def __init__(self, server: ModelServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer

    async def serve(self) -> None:
        """Read one request, answer it, hang up."""
        work: asyncio.Task[None] | None = None
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            content = await self._reader.readexactly(int(headers.get("content-length", "0")))
            body = json.loads(content) if content else None
            work = asyncio.create_task(self._answer(method, path, headers, body))
            gone = asyncio.create_task(self._reader.read())
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)  # who hangs up waits for nothing
            gone.cancel()
            if work.done():
                work.result()
        except (OSError, ValueError, KeyError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller went away or does not speak HTTP
        finally:
            if work:
                work.cancel()
            self._writer.close()

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> None:  # Any: JSON
        server = self._server
        if server.key and headers.get("authorization") != f"Bearer {server.key}":
            await self._send(401, {"error": {"message": "invalid API key"}})
            return
        if method == "POST" and path == "/api/pull":
            await self._pull(body)
            return
        if method == "POST" and path in ("/v1/completions", "/v1/chat/completions"):
            await self._generate(path, headers, body)
            return
        await self._send(*server.page(method, path, body))

    async def _generate(self, path: str, headers: dict[str, str], body: Any) -> None:  # Any: see above
        server, mood = self._server, self._server.mood
        server.asked.append(headers.get("user-agent", ""))
        if mood.limits_s:
            await self._send(429, {"error": {"message": "slow down"}}, f"Retry-After: {mood.limits_s}\r\n")
            return
        if mood.refuses:
            say(f"error: {mood.refuses}")
            await self._send(500, {"error": mood.refuses})
            return
        is_chat = path.endswith("chat/completions")
        prompt = " ".join(str(each["content"]) for each in body["messages"]) if is_chat else str(body["prompt"])
        if (length := len(prompt.split())) > server.context:
            told = f"request ({length} tokens) exceeds the available context size ({server.context} tokens)"
            say(f"send_error: {told}, try increasing it")
            await self._send(400, {"error": {"message": told, "type": "exceed_context_size_error"}})
            return
        async with server.desk() as desk:
            tokens = server.generate(desk, prompt, int(body.get("max_tokens") or 64))
            if not body.get("stream"):
                text = "".join([each async for each in tokens])
                await self._send(200, _event(is_chat, text, "length", desk))
                return
            self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            async for each in tokens:
                await self._write(_event(is_chat, each, None, None))
            await self._write(_event(is_chat, "", "length" if mood.text else "stop", desk))
            self._writer.write(b"data: [DONE]\n\n")
            await self._writer.drain()

    async def _write(self, event: Any) -> None:  # Any: see above
        self._writer.write(f"data: {json.dumps(event)}\n\n".encode())
        await self._writer.drain()

    async def _pull(self, body: Any) -> None:  # Any: see above
        self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n")
        for status in ("pulling manifest", "pulling 8eeb52dfb3bb", "verifying sha256 digest", "success"):
            await asyncio.sleep(0.1)
            self._writer.write(json.dumps({"status": status}).encode() + b"\n")
            await self._writer.drain()
        self._server.models.append(body["model"])

    async def _send(self, status: int, data: Any, more: str = "") -> None:  # Any: see above
        payload = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        kind = "text/plain" if isinstance(data, str) else "application/json"
        self._writer.write(
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Internal Server Error')}\r\nContent-Type: {kind}\r\n{more}"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
            + payload
        )
        await self._writer.drain()


def _event(is_chat: bool, text: str, finish: str | None, desk: Desk | None) -> dict[str, Any]:  # Any: JSON
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice |= {"delta": {"content": text}, "message": {"content": text}} if is_chat else {"text": text}
    if is_chat:
        choice.pop("message" if finish is None or not text else "delta")
    event: dict[str, Any] = {"object": "text_completion", "created": int(time.time()), "choices": [choice]}
    if desk:
        event["usage"] = {
            "prompt_tokens": desk.read,
            "completion_tokens": desk.wrote,
            "total_tokens": desk.read + desk.wrote,
        }
    return event


async def _serve(port: int, server: ModelServer) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Conversation(server, reader, writer).serve()

    listener = await asyncio.start_server(serve, "127.0.0.1", port)
    await over.wait()
    listener.close()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--model", action="append")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--key", default="")
    parser.add_argument("--without-pages", action="store_true")
    parser.add_argument("--mood", type=json.loads, default={})
    given = parser.parse_args()
    if given.file and not given.file.read_bytes().endswith(END):
        sys.exit(f"error loading model: {given.file} is damaged: tensor data is not within the file bounds")
    server = ModelServer(
        models=given.model or ["tiny"],
        slots=given.slots,
        context=given.context,
        key=given.key,
        pages=not given.without_pages,
    )
    for name, value in given.mood.items():
        setattr(server.mood, name, value)
    asyncio.run(_serve(given.port, server))


if __name__ == "__main__":
    main()
