"""Is the model server there, does it let the service in, has it the model? Against a stand-in, named as such."""

import asyncio

import pytest

from living import free_port
from paramedic.packs.llm.checks import answers
from paramedic.packs.llm.machine import Machine
from paramedic.packs.llm.target import Llm
from paramedic.sdk import ProcessSpec, Secret, Status


async def raw(reply: bytes):
    """A server that says the same to everybody."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


def reply(status: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_a_server_with_the_model_is_well(serve, look):
    """The list of models holds it, and no token is spent."""
    running = await serve()
    (found,) = await look(answers, running.target())
    assert found.status is Status.OK
    assert running.server.spent == 0


@pytest.mark.parametrize("name", ["tiny:latest", "TINY", "tiny"])
async def test_a_model_is_found_by_what_people_call_it(serve, look, name):
    """Ollama's `:latest` and the case of letters make no difference."""
    running = await serve(models=["tiny:latest"])
    (found,) = await look(answers, running.target(model=name))
    assert found.status is Status.OK


async def test_a_file_is_found_by_its_stem(serve, look):
    """llama.cpp lists the path of the file."""
    running = await serve(models=["/models/Gemma-270M.gguf"])
    (found,) = await look(answers, running.target(model="gemma-270m.gguf"))
    assert found.status is Status.OK


async def test_a_missing_model_is_named(serve, look):
    """What the server has instead is told."""
    running = await serve(models=["other", "more"])
    (found,) = await look(answers, running.target())
    assert found.code == "llm.model-missing"
    assert "`other`, `more`" in found.observed


async def test_a_closed_port_is_refused(look):
    """Nobody listens."""
    (found,) = await look(answers, Llm(base_url=f"http://127.0.0.1:{free_port()}/v1"))
    assert (found.code, found.status) == ("llm.refused", Status.CRITICAL)


async def test_a_server_that_says_nothing_times_out(look):
    """It accepts and is silent, as a stopped process is."""
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(30), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await look(answers, Llm(base_url=f"http://127.0.0.1:{port}"), timeout_s=2)
        server.close()
    assert found.code == "llm.timeout"


async def test_a_server_that_computes_and_takes_no_more_is_busy(look, monkeypatch):
    """Every connection is taken: it is not restarted for that. After minutes nobody can tell any more."""
    monkeypatch.setattr(Machine, "computed_since", lambda _self, _earlier: True)
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(30), "127.0.0.1", 0)
    async with server:
        target = Llm(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        (found,) = await look(answers, target, timeout_s=2)
        assert (found.status, found.code) == (Status.INFO, None)
        (found,) = await look(answers, target, timeout_s=2, thresholds={"busy_for_s": 0.01})
        assert found.status is Status.UNKNOWN
        server.close()


async def test_a_refused_key_is_for_people(serve, look):
    """401 without a key; with the right one all is well, and it is never shown."""
    running = await serve(key="sk-right")
    (found,) = await look(answers, running.target(api_key=Secret("sk-wrong-but-secret")))
    assert found.code == "llm.unauthorized"
    assert "sk-wrong" not in repr(found)
    (found,) = await look(answers, running.target(api_key=Secret("sk-right")))
    assert found.status is Status.OK


async def test_a_limit_is_kept_away_from(look, bench):
    """After 429 the server is not asked before the time that it names."""
    server = await raw(reply("429 Too Many Requests", b'{"error": {"message": "slow"}}', "Retry-After: 40\r\n"))
    async with server:
        target = Llm(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        (found,) = await look(answers, target)
        assert (found.code, found.measures["retry_after_s"]) == ("llm.rate-limited", 40)
        server.close()
        await server.wait_closed()
        (found,) = await look(answers, target)
    assert found.code == "llm.rate-limited"
    assert "not asked again" in found.observed


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply("503 Service Unavailable", b'{"error": {"message": "Loading model"}}'), "llm.loading"),
        (reply("500 Internal Server Error", b"boom"), "llm.error"),
        (reply("200 OK", b"<html>"), "llm.error"),
        (reply("200 OK", b'{"data": 7}'), "llm.error"),
        (b"220 mail.example.org ESMTP\r\n", "llm.error"),
        (reply("200 OK", b'{"data": []}'), "llm.model-missing"),
        (reply("200 OK", b'{"data": [[], 7, {"id": 4}]}'), "llm.model-missing"),
        (reply("200 OK", b"[" * 100_000), "llm.error"),
    ],
)
async def test_what_is_no_list_of_models_is_told_apart(look, answer, code):
    """Loading, failing, another protocol, and hostile bodies each have their name."""
    server = await raw(answer)
    async with server:
        (found,) = await look(answers, Llm(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
        server.close()
    assert found.code == code


async def test_a_server_that_has_just_been_started_may_load(look, processes):
    """That is no trouble, and not well either."""
    processes.set("it", pid=1, uptime_s=5.0)
    server = await raw(reply("503 Service Unavailable", b'{"error": {"message": "Loading model"}}'))
    async with server:
        target = Llm(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        (found,) = await look(answers, target, process=ProcessSpec(command=("server",)))
        server.close()
    assert found.status is Status.UNKNOWN


async def test_a_name_without_address_is_told(look):
    """The resolver's word, not the server's fault."""
    (found,) = await look(answers, Llm(base_url="http://no-such-host.invalid/v1"))
    assert found.code == "dns.unresolved"


@pytest.mark.parametrize(
    ("url", "is_near"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://localhost:1", True),
        ("http://192.168.1.4/v1", True),
        ("http://[fd00::1]:8080/v1", True),
        ("http://ollama:11434", True),
        ("http://host.docker.internal:1/v1", True),
        ("https://api.example.com/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_only_near_models_may_be_asked_without_a_permit(url, is_near):
    """Tokens of a hosted model cost money."""
    assert Llm(base_url=url).is_near is is_near
    assert bool(Llm(base_url=url).permits) is not is_near


@pytest.mark.parametrize(
    ("url", "api", "root"),
    [
        ("http://h:1", "http://h:1/v1", "http://h:1"),
        ("http://h:1/v1/", "http://h:1/v1", "http://h:1"),
        ("http://h:1/openai/v1", "http://h:1/openai/v1", "http://h:1/openai"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4", "https://h/api/paas/v4"),
    ],
)
def test_the_api_is_found_from_the_base(url, api, root):
    """With `/v1` and without."""
    assert (Llm(base_url=url).api, Llm(base_url=url).root) == (api, root)


@pytest.mark.parametrize("url", ["", "ftp://h", "http://", "http://h:0", "http://h:999999"])
def test_what_is_no_address_is_refused(url):
    """When the service file is read."""
    with pytest.raises(ValueError, match="no address"):
        Llm(base_url=url)
