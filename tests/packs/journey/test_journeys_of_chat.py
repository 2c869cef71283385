"""Journeys through a conversation: with a model over its API, streamed or not, and over a WebSocket."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web

from paramedic.packs.http.conditions import Comparison, Expected
from paramedic.packs.journey.checks import completes
from paramedic.packs.journey.target import Journey, Step
from paramedic.sdk import Permit, Secret, Status


@dataclass
class Assistant:
    """A small assistant that repeats what it is told."""

    url: str = ""
    answer: str | None = None
    """What it says instead of repeating."""
    finish: str = "stop"
    asked: list[dict[str, object]] = field(default_factory=list)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer a-key":
            raise web.HTTPUnauthorized
        body = await request.json()
        self.asked.append(body)
        said = self._reply(body["messages"][-1]["content"])
        if not body.get("stream"):
            choice = {"message": {"role": "assistant", "content": said}, "finish_reason": self.finish}
            return web.json_response({"choices": [choice], "usage": {"completion_tokens": len(said.split())}})
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for word in said.split():
            delta = json.dumps({"choices": [{"delta": {"content": f"{word} "}}]})
            await answer.write(f"data: {delta}\n\n".encode())
        await answer.write(b"data: [DONE]\n\n" if self.finish == "stop" else b"")
        return answer

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "welcome", "session": "s-1"})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                await socket.send_json({"type": "typing"})
                for part in self._reply(said["text"]).split():
                    await socket.send_json({"type": "part", "session": said["session"], "text": part})
                await socket.send_json({"type": "end", "session": said["session"]})
        return socket

    def _reply(self, text: str) -> str:
        return f"you said {text}" if self.answer is None else self.answer


@pytest.fixture
async def assistant() -> AsyncIterator[Assistant]:
    """A running one."""
    it = Assistant()
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", it.complete), web.get("/ws", it.talk)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield it
    await runner.cleanup()


def question(*, stream: bool = False, **expect) -> Step:
    """A question to a model, by OpenAI's API."""
    messages = [{"role": "user", "content": "hello {{run}}"}]
    return Step(
        request="POST /v1/chat/completions",
        body={"model": "m", "messages": messages, "max_tokens": 8, "stream": stream},
        expect=Expected(**expect),
    )


def journey(assistant: Assistant, *steps: Step) -> Journey:
    headers = {"Authorization": Secret("Bearer a-key")}
    return Journey(url=assistant.url, steps=steps, headers=headers, writes=False, spends=True)


ANSWERED = {
    "status": 200,
    "json": {
        "choices.0.message.content": Comparison(matches="hello"),
        "choices.0.finish_reason": Comparison(one_of=("stop", "length")),
        "usage.completion_tokens": Comparison(at_most=8),
    },
}


@pytest.mark.parametrize(
    ("answer", "finish", "status"),
    [(None, "stop", Status.OK), ("", "stop", Status.CRITICAL), ("I see", "stop", Status.CRITICAL), (None, "content_filter", Status.CRITICAL)],
)  # fmt: skip
async def test_a_chat_with_a_model(look, assistant, answer, finish, status):
    """The answer must be one to the question, end well, and cost what it may."""
    assistant.answer, assistant.finish = answer, finish
    [found] = await look(completes, journey(assistant, question(**ANSWERED)))
    assert found.status is status, found.observed
    assert found.code == (None if status is Status.OK else "journey.failed")
    assert assistant.asked[0]["max_tokens"] == 8
    assert "a-key" not in repr(found)


@pytest.mark.parametrize(("finish", "status"), [("stop", Status.OK), ("breaks off", Status.CRITICAL)])
async def test_a_streamed_chat(look, assistant, finish, status):
    """A stream must come to its end; one that breaks off in the middle is told apart from a whole one."""
    assistant.finish = finish
    step = question(stream=True, headers={"Content-Type": "event-stream"}, body="[DONE]", pattern='"content": "hello ')
    [found] = await look(completes, journey(assistant, step))
    assert found.status is status, found.observed


TALK = (
    Step(connect="/ws"),
    Step(receive=True, expect=Expected(json={"type": "welcome"}), keep={"session": "json.session"}),
    Step(send={"session": "{{session}}", "text": "hello {{run}}"}),
    Step(
        receive=True, expect=Expected(json={"type": "part", "session": "{{session}}", "text": "{{run}}"}), within_s=0.5
    ),
    Step(receive=True, expect=Expected(json={"type": "end", "session": "{{session}}"}), within_s=0.5),
)


@pytest.mark.parametrize(("answer", "status"), [(None, Status.OK), ("nothing", Status.CRITICAL)])
async def test_a_conversation_over_a_websocket(look, assistant, answer, status):
    """A greeting, a session, an answer in parts and its end: what was said in this run must come back."""
    assistant.answer = answer
    [found] = await look(completes, journey(assistant, *TALK))
    assert found.status is status, found.observed
    if status is Status.CRITICAL:
        assert "step 4 of 5, `receive`" in found.observed


def test_what_spends_waits_for_a_permit(assistant):
    """A model that costs money is asked only where the service file permits it."""
    assert journey(assistant, question()).permits == (Permit.SPENDS,)
