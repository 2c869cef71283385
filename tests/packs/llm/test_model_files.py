"""Model files: sound, cut off, changed, hostile. Headers are read with bounds."""

import hashlib
import io
import json
import os
import random
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from paramedic.packs.llm import gguf, safetensors
from paramedic.packs.llm.header import Damaged
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.weights import is_whole, read_header
from paramedic.sdk import Status


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf_file(*, values: int = 64, layers: int = 2) -> bytes:
    """A whole GGUF file with one tensor of 32-bit numbers."""
    facts = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.name") + struct.pack("<I", 8) + text("tiny"),
        text("llama.block_count") + struct.pack("<II", 4, layers),
        text("llama.context_length") + struct.pack("<II", 4, 2048),
        text("llama.embedding_length") + struct.pack("<II", 4, 64),
        text("llama.attention.head_count") + struct.pack("<II", 4, 4),
        text("llama.attention.head_count_kv") + struct.pack("<II", 4, 2),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text("a") + text("b") + text("c"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, 3) + bytes(12),
    ]
    tensor = text("w") + struct.pack("<IQIQ", 1, values, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(facts)) + b"".join(facts) + tensor
    return head + bytes(-len(head) % 32) + bytes(4 * values)


def safetensors_file(size: int = 40) -> bytes:
    head = json.dumps({"__metadata__": {"a": "b"}, "w": {"dtype": "F32", "shape": [10], "data_offsets": [0, size]}})
    return struct.pack("<Q", len(head)) + head.encode() + bytes(size)


@pytest.fixture
def stand(path: Path):
    """Put a file in place; gives the target."""

    def write(content: bytes, **fields) -> Llm:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return Llm(**{"base_url": "http://127.0.0.1:1/v1", "file": path, **fields})

    return write


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_sound_file_is_well(stand, look):
    """Header, size and digest."""
    content = gguf_file()
    (found,) = await look(is_whole, stand(content, file_sha256=sha256(content), file_bytes=len(content)))
    assert found.status is Status.OK
    assert "GGUF" in found.observed


async def test_a_truncated_file_is_corrupt_by_its_own_header(stand, look):
    """Without any record of what it was."""
    (found,) = await look(is_whole, stand(gguf_file()[:-40]))
    assert (found.code, found.status) == ("model.file-corrupt", Status.CRITICAL)
    assert "by its own header" in found.observed


@pytest.mark.parametrize("fields", [{"file_bytes": 7}, {"file_sha256": "0" * 64}])
async def test_what_is_recorded_must_hold(stand, look, fields):
    """Size, digest."""
    (found,) = await look(is_whole, stand(gguf_file(), **fields))
    assert found.code == "model.file-corrupt"


async def test_a_flipped_bit_is_found_by_a_manifest(stand, look, path):
    """As `sha256sum` writes it; and again once the file has changed."""
    content = gguf_file()
    target = stand(content, manifest=path.with_name("SHA256SUMS"))
    path.with_name("SHA256SUMS").write_text(f"{sha256(content)}  {path.name}\n")
    (found,) = await look(is_whole, target)
    assert found.status is Status.OK
    path.write_bytes(content[:-1] + b"\x01")
    (found,) = await look(is_whole, target)
    assert found.code == "model.file-corrupt"
    path.with_name("SHA256SUMS").write_text("nonsense\n")
    (found,) = await look(is_whole, target)
    assert found.status is Status.UNKNOWN


async def test_a_cache_names_its_files_by_digest(look, tmp_path):
    """Ollama's blobs, and Hugging Face's links to blobs."""
    content = gguf_file()
    blob = tmp_path / f"sha256-{sha256(content)}"
    blob.write_bytes(content)
    link = tmp_path / "model.gguf"
    link.symlink_to(blob)
    target = Llm(base_url="http://127.0.0.1:1/v1", file=link)
    (found,) = await look(is_whole, target)
    assert found.status is Status.OK
    assert "its own name" in found.observed
    blob.write_bytes(content[:-1] + b"\x01")
    (found,) = await look(is_whole, target)
    assert found.code == "model.file-corrupt"


async def test_a_missing_file_is_told(look, path):
    """And whether its folder is gone, too."""
    (found,) = await look(is_whole, Llm(base_url="http://127.0.0.1:1/v1", file=path))
    assert found.code == "model.file-missing"
    assert "not mounted" in found.because


async def test_a_file_is_read_whole_only_when_it_has_changed(stand, look, monkeypatch):
    """Gigabytes are not read every minute."""
    content, count = gguf_file(), 0
    target = stand(content, file_sha256=sha256(content))
    from paramedic.packs.llm import weights

    whole = weights.digest_of

    def counted(*args):
        nonlocal count
        count += 1
        return whole(*args)

    monkeypatch.setattr(weights, "digest_of", counted)
    for _ in range(3):
        await look(is_whole, target)
    assert count == 1


async def test_what_takes_too_long_is_unknown(stand, look, monkeypatch):
    """Not corrupt, and not well."""
    from paramedic.packs.llm import weights

    monkeypatch.setattr(weights, "digest_of", lambda _path, _goes_on: None)
    (found,) = await look(is_whole, stand(gguf_file(), file_sha256="0" * 64))
    assert found.status is Status.UNKNOWN


def test_headers_tell_what_advice_needs():
    """Layers, context, and what a token takes in the KV cache."""
    content = gguf_file()
    header = gguf.read(io.BytesIO(content), len(content))
    assert (header.layers, header.context, header.kv_bytes_a_token) == (2, 2048, 2 * 2 * 2 * (16 + 16))
    assert header.needs_bytes == len(content)


async def test_safetensors_must_be_exactly_as_large(look, tmp_path):
    """Its header tells where each tensor ends."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors_file())
    target = Llm(base_url="http://127.0.0.1:1/v1", file=path)
    (found,) = await look(is_whole, target)
    assert found.status is Status.OK
    path.write_bytes(safetensors_file()[:-1])
    (found,) = await look(is_whole, target)
    assert found.code == "model.file-corrupt"
    path.write_bytes(safetensors_file() + b"x")
    (found,) = await look(is_whole, target)
    assert found.code == "model.file-corrupt"


HOSTILE = {
    "endless counts": b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 1 << 63),
    "a text of exabytes": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 60),
    "a list of exabytes": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 1 << 60),
    "lists of lists": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + text("k")
    + struct.pack("<I", 9)
    + struct.pack("<IQ", 9, 1) * 50,
    "many empty lists": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 1 << 22),
    "a huge tensor": b"GGUF"
    + struct.pack("<IQQ", 3, 1, 0)
    + text("w")
    + struct.pack("<IQQQQIQ", 4, *[1 << 62] * 4, 0, 0),
    "an old version": b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
    "nothing": b"GGUF",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_gguf_is_damaged_and_costs_little(content, tmp_path):
    """Whatever it claims; memory stays small."""
    tracemalloc.start()
    try:
        path = tmp_path / "m.gguf"
        path.write_bytes(content)
        with pytest.raises(Damaged):
            read_header(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 100_000,
        b"null",
        b'{"w": {"data_offsets": [5, 1]}}',
        b'{"w": {"data_offsets": "all"}}',
        b'{"w": 7}',
        b"\xff\xfe",
        b'{"w": {"data_offsets": [0, 99999999999999]}}',
    ],
)
def test_a_hostile_safetensors_is_damaged(head, tmp_path):
    """Nested, of another shape, or beyond its end."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(Damaged):
        read_header(path)


def test_a_header_that_claims_more_than_there_is_is_damaged():
    """Eight bytes that promise gigabytes."""
    content = struct.pack("<Q", 1 << 50) + b"{}"
    with pytest.raises(Damaged):
        safetensors.read(io.BytesIO(content), len(content))


def test_random_damage_never_crashes(tmp_path):
    """Damaged, or read; a thousand times."""
    chance = random.Random(7)
    for kind, whole in ((".gguf", gguf_file()), (".safetensors", safetensors_file())):
        path = tmp_path / f"m{kind}"
        for _ in range(500):
            content = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                content[chance.randrange(min(len(content), 400))] = chance.randrange(256)
            path.write_bytes(content[: chance.randint(0, len(content))])
            with suppress(Damaged):
                read_header(path)


def test_a_pipe_is_no_model(tmp_path):
    """It is never waited for."""
    os.mkfifo(tmp_path / "m.gguf")
    with pytest.raises(OSError, match="pipe"):
        read_header(tmp_path / "m.gguf")
