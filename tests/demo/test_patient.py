"""The patient is a small real service that works when left alone."""

import json
import sqlite3
import stat
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from paramedic.demo.patient import Ports, lay_out
from paramedic.drills.patient import Patient

PARTS = ("model", "api", "worker", "queue", "tools")


def get(patient: Patient, name: str, path: str) -> tuple[int, str]:
    address = f"http://127.0.0.1:{patient.port(name)}{path}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def chat(patient: Patient, text: str) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{patient.port('api')}/api/v1/ai/chat",
        data=json.dumps({"customer": "anna", "text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


async def test_all_parts_work(patient: Patient, start):
    """Every part starts, the front is healthy, a customer gets an answer, and the worker's heart beats."""
    await start(*PARTS)

    assert get(patient, "api", "/health") == (200, '{"status":"ok","reasons":[]}')
    assert get(patient, "api", "/health/ai")[0] == 200
    answer = chat(patient, "is the blue lamp in stock?")
    assert "is the blue lamp in stock?" in str(answer["text"])
    with closing(sqlite3.connect(patient.folder / "data/shop.db")) as database:
        stored = database.execute(
            "SELECT role, text FROM messages WHERE conversation = ? ORDER BY id", (answer["conversation"],)
        )
        assert [role for role, _ in stored] == ["user", "assistant"]
        await patient.until(
            lambda: database.execute("SELECT count(*) FROM heartbeats").fetchone()[0] == 1, "a heartbeat"
        )
    assert 'shop_chats_total{outcome="answered"} 1' in get(patient, "api", "/metrics")[1]


@pytest.mark.parametrize(("part", "limit_s"), [("model", 1.0), ("queue", 1.0), ("tools", 3.0), ("api", 3.0)])
async def test_parts_start_fast(patient: Patient, start, part: str, limit_s: float):
    """A part listens soon after its start, so that a drill measures Paramedic (bounds are generous for a busy machine)."""
    began = time.monotonic()

    await start(part)

    assert time.monotonic() - began < limit_s


async def test_the_front_says_why_it_is_unwell(patient: Patient, start):
    """Without a model server the shop says so on one page and is well on the other."""
    await start("api")

    assert get(patient, "api", "/health")[0] == 200
    status, text = get(patient, "api", "/health/ai")
    assert status == 503
    assert "model" in text


async def test_the_front_notices_its_files(patient: Patient, start):
    """Settings that break and a database that vanishes while it runs make the front unwell, and it recovers by itself."""
    await start("api")
    settings = patient.folder / "config/shop.yaml"
    good = settings.read_text()

    settings.write_text(good.replace("384", "-5"))
    assert get(patient, "api", "/health")[0] == 503
    settings.write_text(good)
    assert get(patient, "api", "/health")[0] == 200

    database = patient.folder / "data/shop.db"
    database.rename(database.with_suffix(".away"))
    assert get(patient, "api", "/health")[0] == 503
    assert not database.exists(), "a shop must not start over with an empty database"


async def test_bad_settings_end_the_start(patient: Patient):
    """With settings that make no sense the front ends with one clear line."""
    (patient.folder / "config/shop.yaml").write_text("database_url: [")

    process = patient.invite(patient.command("api"))

    assert process.wait(timeout=10) == 1
    last = (patient.folder / "guests.log").read_text().splitlines()[0]
    assert last.startswith("cannot start: cannot read config/shop.yaml")


async def test_the_model_speaks_the_protocol(patient: Patient, start):
    """The stand-in lists itself, refuses what is no request, and knows no other pages."""
    await start("model")

    assert json.loads(get(patient, "model", "/v1/models")[1])["data"][0]["id"] == "shop-stand-in"
    assert get(patient, "model", "/v1/chat/completions")[0] == 404
    assert get(patient, "model", "/elsewhere")[0] == 404


def test_the_layout_keeps_its_secrets(tmp_path: Path):
    """The environment file is for its owner alone, and two patients never share a port."""
    first, second = Ports.free(), Ports.free()

    service_file = lay_out(tmp_path / "a", ports=first)

    assert stat.S_IMODE((service_file.parent / ".env").stat().st_mode) == 0o600
    assert len({first.api, first.model, first.queue}) == 3
    assert second != first


async def test_the_socket(patient: Patient, start):
    """What is said over the WebSocket comes back; a sick one answers no ping, or hangs up by itself."""
    await start("api")
    url = f"ws://127.0.0.1:{patient.port('api')}/ws"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, autoping=False) as socket:
            await socket.send_str("hello")
            assert await socket.receive_json() == {"heard": "hello"}
            await socket.ping(b"1")
            assert (await socket.receive()).type is aiohttp.WSMsgType.PONG
            await patient.post("api", "/sickness", {"ignores_pings": True})
            await socket.ping(b"2")
            await socket.send_str("still there?")
            assert await socket.receive_json() == {"heard": "still there?"}, "no pong came before it"
        await patient.post("api", "/sickness", {"drops_sockets_after_s": 0.1})
        async with session.ws_connect(url) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1001


async def test_tools_are_those_that_are_written_down(patient: Patient, start):
    """The manifest that lies beside the service file is what the server of tools offers, so that nothing is told."""
    await start("tools")

    ran = await patient.paramedic("mcp", "status", "tools", "--format", "json", within_s=60)
    said = [each for each in json.loads(ran.out)["findings"] if each["check"] == "mcp.answers"]
    assert [each["status"] for each in said] == ["ok"], ran.out


async def test_without_its_tools_a_question_is_kept(patient: Patient, start):
    """A chat is answered although nobody files it, and the call waits."""
    await start("model", "queue", "api")

    chat(patient, "is the blue lamp in stock?")
    with closing(sqlite3.connect(patient.folder / "data/filings.sqlite")) as kept:
        assert kept.execute("SELECT handler, state FROM tasks").fetchall() == [("file", "waiting")]
