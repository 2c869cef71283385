"""Speech servers that are well, sick, strange and gone."""

import json
import os

import pytest

from paramedic.drills.servers.speaker import tone
from paramedic.packs.speech.checks import answers, speaks
from paramedic.packs.speech.target import Api, Speech
from paramedic.sdk import Permit, Secret, Status


async def test_healthy(look, speaker):
    """It lists its voices, and speaks so that it can be heard."""
    server = Speech(url=speaker.url, voice="anna")
    [found] = await look(answers, server)
    assert found.status is Status.OK
    assert "2 voices" in found.observed
    [found] = await look(speaks, server)
    assert found.status is Status.OK
    assert found.measures["latency_ms"] > 0
    assert found.measures["peak_percent"] == pytest.approx(30, abs=1)


async def test_the_question_of_each_api(look, speaker):
    """Each API is asked in its own way, `/v1` or not."""
    wanted = {
        Api.OPENAI: "POST /v1/audio/speech",
        Api.PIPER: "POST /",
        Api.COQUI: "GET /api/tts?text=one&speaker_id=7",
        Api.VOICEVOX: "POST /synthesis?speaker=7",
    }
    for api, question in wanted.items():
        [found] = await look(speaks, Speech(url=f"{speaker.url}/v1", api=api, voice=7), name=api)
        assert found.status is Status.OK, api
        assert speaker.asked[-1][0] == question
    said = json.loads(next(str(body) for what, body in speaker.asked if what == "POST /v1/audio/speech"))
    assert said == {"model": "tts-1", "input": "one", "voice": 7, "response_format": "wav"}


@pytest.mark.parametrize(
    ("voices", "code"),
    [
        ({"voices": ["anna"]}, None),
        ({"voices": [{"id": "anna", "name": "Anna"}]}, None),
        ({"anna": {"language": "de"}}, None),
        ([{"name": "someone", "styles": [{"id": 3, "name": "anna"}]}], None),
        ({"data": [{"voice_id": "anna"}]}, None),
        ([], None),
        ({"voices": None}, None),
        ("text", None),
        ({"voices": ["bert"]}, "tts.voice-missing"),
        ([{"name": "bert", "styles": [{"id": 3}]}], "tts.voice-missing"),
    ],
)
async def test_voices(look, speaker, voices, code):
    """Lists of many shapes are understood; a server that tells none is not blamed."""
    speaker.voices = voices
    [found] = await look(answers, Speech(url=speaker.url, voice="anna"))
    assert found.code == code
    if code:
        assert "`bert`" in found.because


async def test_a_server_without_a_list_of_voices(look, speaker):
    """404 for the list is an answer."""
    speaker.voices_status = 404
    [found] = await look(answers, Speech(url=speaker.url, voice="anna"))
    assert found.status is Status.OK


@pytest.mark.parametrize("check", [answers, speaks])
async def test_nobody_there(look, unused_tcp_port, check):
    """A closed port is `tts.refused`."""
    [found] = await look(check, Speech(url=f"http://127.0.0.1:{unused_tcp_port}"))
    assert (found.status, found.code) == (Status.CRITICAL, "tts.refused")
    [found] = await look(check, Speech(url="http://nowhere.invalid"), name="other")
    assert found.code == "dns.unresolved"


@pytest.mark.parametrize("check", [answers, speaks])
async def test_a_server_that_hangs(look, speaker, check):
    """It accepts the question and says nothing."""
    speaker.hangs = True
    [found] = await look(check, Speech(url=speaker.url), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "tts.timeout")


@pytest.mark.parametrize(
    ("status", "code"), [(500, "tts.error"), (400, "tts.error"), (401, "tts.unauthorized"), (403, "tts.unauthorized")]
)
async def test_errors(look, speaker, status, code):
    """What it answers tells whose trouble it is."""
    speaker.status = speaker.voices_status = status
    for check in (answers, speaks):
        [found] = await look(check, Speech(url=speaker.url))
        assert (found.status, found.code) == (Status.CRITICAL, code)


@pytest.mark.parametrize("check", [answers, speaks])
async def test_a_rate_limit_is_honoured(look, speaker, check):
    """It is not asked again before the time that it names."""
    speaker.status = speaker.voices_status = 429
    speaker.headers = {"Retry-After": "600"}
    for _ in range(2):
        [found] = await look(check, Speech(url=speaker.url))
        assert (found.status, found.code) == (Status.WARNING, "http.rate-limited")
    assert len(speaker.asked) == 1


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (b"", "tts.audio-invalid"),
        (b"<html>oops", "tts.audio-invalid"),
        (tone()[:30], "tts.audio-invalid"),
        (tone(0.01), "tts.audio-invalid"),
        (tone(0.3, 0.0), "tts.silent"),
        (tone(0.3, 0.002), "tts.silent"),
        (tone(0.3, 0.05), None),
    ],
)
async def test_what_is_heard(look, speaker, audio, code):
    """No audio, an empty one, and silence are told apart; a low voice is a voice."""
    speaker.audio = audio
    [found] = await look(speaks, Speech(url=speaker.url))
    assert found.code == code


async def test_slow(look, speaker):
    """The limit is the component's own."""
    [found] = await look(speaks, Speech(url=speaker.url), thresholds={"latency_ms": 0})
    assert (found.status, found.code) == (Status.WARNING, "tts.slow")
    assert found.measures["latency_ms"] > 0


async def test_words_are_few(look, speaker, processes):
    """While it is well it speaks once in a while; after a failure, or a restart of it, at once."""
    server = Speech(url=speaker.url, words_per_hour=12)
    for _ in range(3):
        [found] = await look(speaks, server)
        assert found.status is Status.OK
    assert len(speaker.asked) == 1
    assert "not asked again yet" in found.observed
    processes.set("it", pid=os.getpid(), uptime_s=0.0)
    speaker.status = 500
    [found] = await look(speaks, server)
    assert found.code == "tts.error"
    speaker.status = 200
    [found] = await look(speaks, server)
    assert found.status is Status.OK
    assert len(speaker.asked) == 3


@pytest.mark.parametrize(
    ("url", "permits"),
    [
        ("http://127.0.0.1:1", ()),
        ("http://10.1.2.3", ()),
        ("http://localhost:5000", ()),
        ("http://tts:5000", ()),
        ("http://[::1]:5000", ()),
        ("https://api.openai.com/v1", (Permit.SPENDS,)),
        ("https://8.8.8.8", (Permit.SPENDS,)),
    ],
)
def test_a_hosted_server_speaks_only_where_that_is_permitted(url, permits):
    """Near ones cost nobody money."""
    assert speaks.asks(Speech(url=url)) == permits


def test_it_can_be_kept_from_speaking():
    """`words_per_hour: 0` never asks it."""
    assert not speaks.when(Speech(url="http://127.0.0.1:1", words_per_hour=0))


async def test_its_key_is_sent_and_not_told(look, speaker):
    """As a bearer token."""
    server = Speech(url=speaker.url, api_key=Secret("s3cr3t-key"))
    [found] = await look(speaks, server)
    assert speaker.heads[-1]["Authorization"] == "Bearer s3cr3t-key"
    assert "s3cr3t" not in repr(found)


async def test_what_is_no_http(look, talk_nonsense):
    """A port on which something else answers is no speech server."""
    [found] = await look(answers, Speech(url=talk_nonsense))
    assert (found.status, found.code) == (Status.CRITICAL, "tts.error")


async def test_a_machine_that_cannot_ask_knows_nothing(look, speaker):
    """A key that cannot stand in a header is no trouble of the server."""
    [found] = await look(answers, Speech(url=speaker.url, api_key=Secret("a\nb")))
    assert found.status is Status.UNKNOWN


def test_an_address_is_one():
    """The service file is told what is expected."""
    with pytest.raises(ValueError, match="no address"):
        Speech(url="tts.local")
