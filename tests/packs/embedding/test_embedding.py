"""Embedding models: there, and still meaning the same. Against a stand-in, named as such: its vectors are hashes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from living import free_port
from paramedic.drills.servers.model_server import DIMENSION, Conversation, ModelServer
from paramedic.packs.embedding.actions import Record
from paramedic.packs.embedding.checks import answers, means_the_same
from paramedic.packs.embedding.manifest import NoManifest, read_manifest
from paramedic.packs.embedding.target import Embedding
from paramedic.packs.embedding.vectors import cosine, what_is_wrong
from paramedic.sdk import ActionFailed, DidIt, Permit, Status

record = Record.action


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "embedding.json"


@pytest.fixture
async def serve(manifest) -> AsyncIterator[Callable[..., Awaitable[tuple[ModelServer, Callable[..., Embedding]]]]]:
    """Start a stand-in; gives it, and how it is declared."""
    async with AsyncExitStack() as stack:

        async def start(key: str = "", **mood: Any) -> tuple[ModelServer, Callable[..., Embedding]]:
            server = ModelServer(models=["tiny"], slots=1, context=512, key=key)
            for name, value in mood.items():
                setattr(server.mood, name, value)

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await Conversation(server, reader, writer).serve()

            listener = await asyncio.start_server(talk, "127.0.0.1", 0)
            stack.callback(listener.close)
            port = listener.sockets[0].getsockname()[1]

            def target(**fields: Any) -> Embedding:
                known = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "tiny", "manifest": manifest}
                return Embedding(**{**known, "tokens_per_hour": 1000, **fields})

            return server, target

        yield start


async def test_a_server_with_the_model_is_well(serve, look):
    """No token is spent on that."""
    server, target = await serve()
    (found,) = await look(answers, target())
    assert found.status is Status.OK
    assert server.spent == 0


@pytest.mark.parametrize(
    ("fields", "code"), [({"model": "other"}, "embedding.model-missing"), ({"api_key": None}, "embedding.unauthorized")]
)
async def test_what_keeps_the_service_out_is_named(serve, look, fields, code):
    """The model is not there, the key is not right."""
    _, target = await serve(key="sk-x" if "api_key" in fields else "")
    (found,) = await look(answers, target(**fields))
    assert found.code == code


async def test_nobody_there_and_nobody_answering_are_told_apart(look):
    """Refused, and silent."""
    (found,) = await look(answers, Embedding(base_url=f"http://127.0.0.1:{free_port()}/v1"))
    assert found.code == "embedding.refused"
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(30), "127.0.0.1", 0)
    async with server:
        target = Embedding(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        (found,) = await look(answers, target, timeout_s=2)
        server.close()
    assert found.code == "embedding.timeout"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("429 Too Many Requests", b"{}", "embedding.rate-limited"),
        ("503 Service Unavailable", b'{"error": "Model is loading"}', "embedding.loading"),
        ("500 Internal Server Error", b"{}", "embedding.error"),
        ("200 OK", b'{"data": [{"embedding": "AAAA"}]}', "embedding.error"),
        ("200 OK", b"[[1, 2]]", "embedding.error"),
        ("200 OK", b'{"data": [{"embedding": [1]}]}', "embedding.error"),
    ],
)
async def test_answers_without_vectors_are_told_apart(look, status, body, code):
    """Whatever a stranger answers."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        target = Embedding(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        (found,) = await look(means_the_same, target)
        server.close()
    assert found.code == code


async def recorded(serve, act, **mood: Any):
    server, target = await serve(**mood)
    await record.apply(act(target()))
    return server, target


async def test_known_texts_get_their_vectors(serve, act, look):
    """Recorded, and the same ever since."""
    _, target = await recorded(serve, act)
    (found,) = await look(means_the_same, target(dimension=DIMENSION))
    assert (found.status, round(found.measures["cosine"], 6)) == (Status.OK, 1)


async def test_another_model_under_the_same_name_is_noticed(serve, act, look):
    """Its vectors fit, and mean something else."""
    server, target = await recorded(serve, act)
    server.mood.embeds_as = "another"
    (found,) = await look(means_the_same, target())
    assert (found.code, found.status) == ("embedding.changed", Status.CRITICAL)


@pytest.mark.parametrize(
    ("spoils", "code"),
    [("nan", "embedding.invalid-vector"), ("short", "embedding.dimension"), ("long", "embedding.norm-drift"),
     ("far", "embedding.changed")],
)  # fmt: skip
async def test_spoilt_vectors_have_their_names(serve, act, look, spoils, code):
    """No number, another dimension, another length, another direction."""
    server, target = await recorded(serve, act)
    server.mood.spoils = spoils
    (found,) = await look(means_the_same, target())
    assert found.code == code


async def test_nothing_recorded_is_said(serve, look):
    """The vectors are sound, and there is nothing to hold them against."""
    _, target = await serve()
    (found,) = await look(means_the_same, target())
    assert found.status is Status.INFO
    assert "embedding record" in (found.hint or "")


async def test_the_dimension_that_is_declared_counts(serve, look):
    """Without any record."""
    _, target = await serve()
    (found,) = await look(means_the_same, target(dimension=DIMENSION + 1))
    assert found.code == "embedding.dimension"


async def test_looking_on_costs_next_to_nothing(serve, act, look):
    """Three texts in half an hour, and a failing verdict is kept until it is due again."""
    server, target = await recorded(serve, act)
    before = server.spent
    for _ in range(5):
        (found,) = await look(means_the_same, target(), looks_again=True)
        assert found.status is Status.OK
    assert server.spent - before <= 9


async def test_an_hour_has_its_budget(serve, act, look, bench):
    """Once it is spent, nothing is known."""
    _, target = await recorded(serve, act)
    statuses = [(await look(means_the_same, target(tokens_per_hour=30)))[0].status for _ in range(6)]
    assert statuses[0] is Status.OK
    assert statuses[-1] is Status.UNKNOWN


async def test_a_new_record_is_looked_at_at_once(serve, act, look):
    """People decided that the new model is right."""
    server, target = await recorded(serve, act)
    server.mood.embeds_as = "another"
    (found,) = await look(means_the_same, target(), looks_again=True)
    assert found.code == "embedding.changed"
    await record.apply(act(target()))
    (found,) = await look(means_the_same, target(), looks_again=True)
    assert found.status is Status.OK


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", json.dumps({"model": "m", "dimension": 2, "recorded_at": "", "canaries": []}),
     json.dumps({"model": "m", "dimension": 2, "recorded_at": "", "canaries": [{"text": "a", "vector": [1]}]})],
)  # fmt: skip
async def test_a_manifest_that_is_none_is_unknown(serve, look, manifest, content):
    """It says nothing about the model."""
    _, target = await serve()
    manifest.write_text(content)
    with pytest.raises(NoManifest):
        read_manifest(manifest)
    (found,) = await look(means_the_same, target())
    assert found.status is Status.UNKNOWN


async def test_recording_is_undone(serve, act, manifest):
    """Previewed, done once however often it is asked, and taken back."""
    _, target = await serve()
    context = act(target())
    assert (await record.preview(context)).blocked is None
    assert await record.reconcile(context) is DidIt.NO
    outcome = await record.apply(context)
    await record.verify(context, outcome.output)
    assert await record.reconcile(context) is DidIt.YES
    assert read_manifest(manifest).dimension == DIMENSION
    await record.undo(context, outcome.output)
    assert not manifest.exists()


@pytest.mark.parametrize("spoils", ["nan"])
async def test_nonsense_is_not_recorded(serve, act, spoils, manifest):
    """Only what may be an embedding becomes the measure of others."""
    _, target = await serve(spoils=spoils)
    with pytest.raises(ActionFailed, match="no embeddings"):
        await record.apply(act(target()))
    assert not manifest.exists()


async def test_a_hosted_model_needs_a_permit(act, tmp_path):
    """Its tokens cost money."""
    target = Embedding(base_url="https://api.example.com/v1", manifest=tmp_path / "m.json")
    assert means_the_same.asks(target) == (Permit.SPENDS,)
    assert "cost money" in ((await record.preview(act(target))).blocked or "")


def test_vectors_are_judged_by_themselves():
    """Zeros, equality, and angles."""
    assert what_is_wrong([[0.0, 0.0]])
    assert what_is_wrong([[1.0, 2.0], [1.0, 2.0]])
    assert what_is_wrong([[1.0, 2.0], [2.0, 1.0]]) is None
    assert cosine([1.0, 0.0], [0.0, 1.0]) == 0
    assert cosine([0.0, 0.0], [0.0, 1.0]) == 0
