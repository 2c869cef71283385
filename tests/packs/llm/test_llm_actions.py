"""Fetching a model, and its file, again: verified, resumed after a crash, nothing else touched."""

import asyncio
import sys
from pathlib import Path

import pytest

from packs.llm.test_model_files import gguf_file, sha256
from paramedic.packs.llm.actions import PullModel, RefetchModel
from paramedic.packs.llm.target import Llm
from paramedic.sdk import ActionFailed, DidIt, ProcessSpec

GOOD = gguf_file()
pull, refetch = PullModel.action, RefetchModel.action


@pytest.fixture
def published(tmp_path: Path) -> Path:
    place = tmp_path / "published.gguf"
    place.write_bytes(GOOD)
    return place


@pytest.fixture
def damaged(path: Path, published: Path):
    """A damaged file with all that is recorded of it."""
    path.parent.mkdir()
    path.write_bytes(GOOD[:100])
    path.with_name("neighbour.gguf").write_bytes(b"other")

    def target(**fields) -> Llm:
        known = {"file": path, "file_sha256": sha256(GOOD), "source": str(published)}
        return Llm(**{"base_url": "http://127.0.0.1:1/v1", "model": "tiny", **known, **fields})

    return target


async def test_an_ollama_pulls_by_itself(serve, act):
    """Previewed, done, verified, and taken back."""
    running = await serve(models=["other"])
    context = act(running.target())
    assert (await pull.preview(context)).blocked is None
    assert await pull.reconcile(context) is DidIt.NO
    outcome = await pull.apply(context)
    await pull.verify(context, outcome.output)
    assert running.server.models == ["other", "tiny"]
    assert await pull.reconcile(context) is DidIt.YES
    await pull.undo(context, outcome.output)
    assert running.server.models == ["other"]


async def test_other_servers_need_a_command(serve, act, tmp_path):
    """Its words are filled in, without a shell."""
    running = await serve(models=["other"])
    context = act(running.target(protocol="openai"))
    assert "no `fetch` command" in (await pull.preview(context)).blocked
    mark = tmp_path / "fetched $HOME; rm"
    program = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    context = act(running.target(protocol="openai", fetch=(sys.executable, "-c", program, str(mark), "{model}")))
    assert (await pull.preview(context)).blocked is None
    await pull.apply(context)
    assert mark.read_text() == "tiny"
    with pytest.raises(ActionFailed, match="still does not have"):
        await pull.verify(context, {})


async def test_a_command_that_fails_tells_why(serve, act):
    """The end of what it said."""
    running = await serve(models=["other"])
    target = running.target(protocol="openai", fetch=(sys.executable, "-c", "raise SystemExit('no such model')"))
    with pytest.raises(ActionFailed, match="no such model"):
        await pull.apply(act(target))


async def test_a_damaged_file_is_fetched_again(serve, act, damaged, path, processes):
    """Verified before it is put in place; the server is started again and asked for one token."""
    running = await serve()
    processes.set("it", pid=77)
    target = damaged(base_url=f"http://127.0.0.1:{running.port}/v1")
    context = act(target, process=ProcessSpec(command=("server",)))
    preview = await refetch.preview(context)
    assert (preview.blocked, preview.loss) == (None, ())
    assert await refetch.reconcile(context) is DidIt.NO
    outcome = await refetch.apply(context)
    assert path.read_bytes() == GOOD
    assert processes.asked == [("stop", "it"), ("start", "it")]
    await refetch.verify(context, outcome.output)
    assert running.canaries == 1
    assert await refetch.reconcile(context) is DidIt.YES
    assert sorted(each.name for each in path.parent.iterdir()) == ["neighbour.gguf", "tiny.gguf"]
    assert "stays" in await refetch.undo(context, outcome.output)


async def test_what_is_not_the_model_is_never_put_in_place(act, damaged, path, published):
    """The source itself is damaged: the old file stays as it is, and no draft is left."""
    published.write_bytes(GOOD[:-1] + b"\x01")
    with pytest.raises(ActionFailed, match="not the model"):
        await refetch.apply(act(damaged()))
    assert path.read_bytes() == GOOD[:100]
    assert sorted(each.name for each in path.parent.iterdir()) == ["neighbour.gguf", "tiny.gguf"]


async def test_what_has_come_already_is_kept(act, damaged, path, published):
    """A try that a crash ended is gone on with."""
    draft = path.with_name(f".{path.name}.{sha256(GOOD)[:12]}.paramedic")
    draft.write_bytes(GOOD[:300])
    published.write_bytes(b"\0" * 300 + GOOD[300:])  # so that only the rest can have been read
    await refetch.apply(act(damaged()))
    assert path.read_bytes() == GOOD


async def test_a_download_is_gone_on_with(act, damaged, path):
    """Over HTTP, from where it broke off."""
    ranges = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        start = int(head.partition("range: bytes=")[2].partition("-")[0] or 0)
        ranges.append(start)
        end = 200 if not start else len(GOOD)
        status = "206 Partial Content" if start else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(GOOD) - start}\r\n\r\n".encode() + GOOD[start:end])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        target = damaged(source=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tiny.gguf")
        with pytest.raises(ActionFailed, match="could not be fetched"):
            await refetch.apply(act(target))
        await refetch.apply(act(target))
        server.close()
    assert ranges == [0, 200]
    assert path.read_bytes() == GOOD


async def test_without_a_digest_a_person_decides(act, damaged):
    """Nothing would tell whether the new file is what the old one was."""
    preview = await refetch.preview(act(damaged(file_sha256=None)))
    assert "no digest is known" in preview.loss[0]


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"source": None}, "neither `source` nor `fetch`"), ({"file_sha256": sha256(GOOD[:100])}, "sound by now")],
)
async def test_what_cannot_be_fetched_is_blocked(act, damaged, fields, why):
    """The preview says why."""
    assert why in (await refetch.preview(act(damaged(**fields)))).blocked


async def test_a_link_of_a_cache_stays_a_link(act, damaged, path, tmp_path):
    """The blob behind it is replaced."""
    blob = tmp_path / "blob"
    path.replace(blob)
    path.symlink_to(blob)
    await refetch.apply(act(damaged()))
    assert path.is_symlink()
    assert blob.read_bytes() == GOOD


async def test_a_full_disk_is_told_before(act, damaged, monkeypatch):
    """Nothing is begun that cannot end."""
    from shutil import disk_usage

    usage = disk_usage("/")._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    assert "MB free" in (await refetch.preview(act(damaged()))).blocked
