"""How each kind of speech server is asked for its voices, and for a word."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from paramedic.model.clock import Clock
from paramedic.packs.http.answer import Answer
from paramedic.packs.http.exchange import Client
from paramedic.packs.http.request import Request, encoded
from paramedic.packs.speech.target import Api, Speech

_VOICES = {Api.OPENAI: "/v1/audio/voices", Api.PIPER: "/voices", Api.COQUI: "/", Api.VOICEVOX: "/speakers"}
_NAMES = ("id", "name", "voice_id", "voice", "short_name")


class Refused(Exception):
    """The server answers, but not with what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.title)
        self.answer = answer


async def voices(server: Speech, limit_s: float, clock: Clock) -> frozenset[str] | None:
    """The names of its voices; ``None`` where it does not tell them.

    Raises:
        Refused: it answers with an error.
        NoAnswer: there is no answer.
    """
    async with Client(clock) as client:
        answer = await client.ask(_request(server, _VOICES[server.api]), limit_s)
    if answer.status in (404, 405, 501):  # a server without such a list is a server all the same
        return None
    if answer.status != 200:
        raise Refused(answer)
    try:
        return frozenset(_names(json.loads(answer.body))) or None
    except (ValueError, RecursionError):
        return None


async def speak(server: Speech, limit_s: float, clock: Clock) -> Answer:
    """The word, spoken.

    Raises:
        Refused: it answers with an error.
        NoAnswer: there is no answer.
    """
    began = clock.monotonic()
    async with Client(clock) as client:
        answer = await client.ask(_question(server), limit_s)
        if server.api is Api.VOICEVOX and answer.status == 200:  # the answer is what it then speaks
            who = urlencode({"speaker": server.voice or 0})
            spoken = _request(server, f"/synthesis?{who}", answer.body)
            answer = await client.ask(spoken, max(0.1, limit_s - (clock.monotonic() - began)))
    if answer.status != 200:
        raise Refused(answer)
    return answer


def _question(server: Speech) -> Request:
    match server.api:
        case Api.OPENAI:
            wish = {"model": server.model, "input": server.word, "voice": server.voice or "alloy"}
            return _request(server, "/v1/audio/speech", encoded({**wish, "response_format": "wav"})[0])
        case Api.PIPER:
            voice = {"voice": server.voice} if server.voice else {}
            return _request(server, "/", encoded({"text": server.word, **voice})[0])
        case Api.COQUI:
            voice = {"speaker_id": server.voice} if server.voice else {}
            return _request(server, f"/api/tts?{urlencode({'text': server.word, **voice})}")
        case Api.VOICEVOX:
            wish = {"text": server.word, "speaker": str(server.voice or 0)}
            return _request(server, f"/audio_query?{urlencode(wish)}", b"")


def _request(server: Speech, path: str, body: bytes | None = None) -> Request:
    told = {} if body is None else {"Content-Type": "application/json"}
    return Request(
        url=f"{server.root}{path}",
        method="GET" if body is None else "POST",
        headers={**server.headers, **told},
        body=body,
        verify_tls=server.verify_tls,
    )


def _names(data: Any) -> Iterator[str]:  # Any: JSON of every shape
    """Whatever a server may call its voices by: names, ids, keys."""
    match data:
        case {"voices": inner} | {"data": inner}:
            yield from _names(inner)
        case Mapping():
            own = [str(data[each]) for each in _NAMES if isinstance(data.get(each), str | int)]
            yield from own or (str(key) for key in data)
            for style in data.get("styles") or ():
                yield from _names(style)
        case list():
            for each in data:
                if isinstance(each, str):
                    yield each
                elif isinstance(each, Mapping):
                    yield from _names(each)
