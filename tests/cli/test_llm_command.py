"""``paramedic llm`` and ``paramedic embedding``, run as users run them. The server is a stand-in, named as such."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from living import free_port, until
from paramedic.sdk import proc


@pytest.fixture
def port() -> Iterator[int]:
    """A model server."""
    number = free_port()
    server = subprocess.Popen([sys.executable, "-m", "paramedic.drills.servers.model_server", str(number)])
    try:
        until(lambda: proc.listeners(number), 30, "the stand-in listens")
        yield number
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def shop(home: Path, port: int) -> Path:
    """A service with a language model and an embedding model."""
    near = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "tiny"}
    components = {
        "llm": {"kind": "llm", **near},
        "vectors": {"kind": "embedding", **near, "manifest": "vectors.json"},
        "hosted": {"kind": "llm", "base_url": "https://api.example.com/v1", "model": "big", "api_key": "sk-x"},
    }
    (home / "paramedic.yaml").write_text(json.dumps({"service": "shop", "components": components}))
    return home


def test_a_model_is_probed(shop, paramedic) -> None:
    """Does it generate, how fast, for how many tokens; the second time an answer is looked at."""
    ran = paramedic("llm", "probe", "llm", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    data = json.loads(ran.stdout)
    assert data["tokens_spent"] == 2
    ran = paramedic("llm", "probe", "llm", "--sample")
    assert ran.returncode == 0, ran.stderr
    assert "tokens/s" in ran.stdout
    assert "between_tokens_ms" in ran.stdout


def test_a_hosted_model_is_not_asked_without_a_permit(shop, paramedic) -> None:
    """Its tokens cost money; what to write is said."""
    ran = paramedic("llm", "probe", "hosted")
    assert ran.returncode == 64
    assert "permits: [spends]" in ran.stderr


def test_who_is_no_model_is_told(shop, paramedic) -> None:
    """With those that are."""
    ran = paramedic("llm", "probe", "vectors")
    assert ran.returncode == 64
    assert "llm, hosted" in ran.stderr


def test_an_embedding_model_is_recorded_and_held_against_that(shop, port, paramedic) -> None:
    """Another model under the same name is noticed."""
    ran = paramedic("embedding", "record", "--yes")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert json.loads((shop / "vectors.json").read_text())["dimension"] == 32
    assert paramedic("embedding", "check").returncode == 0
    body = json.dumps({"embeds_as": "another"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/mood", data=body)).close()
    ran = paramedic("embedding", "check")
    assert ran.returncode == 2
    assert "embedding.changed" in ran.stdout
