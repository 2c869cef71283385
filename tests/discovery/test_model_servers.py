"""Well-known model servers are written as what they are."""

import pytest

from paramedic.discovery.processes import names_of
from paramedic.discovery.sockets import Door
from paramedic.discovery.specialists import specialist
from paramedic.discovery.table import load_table
from paramedic.sdk import load_packs


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("/usr/local/bin/ollama serve", "llm"),
        ("llama-server -m tiny.gguf --port 8080", "llm"),
        ("python -m vllm.entrypoints.openai.api_server --model x", "llm"),
        ("python -m sglang.launch_server --model x", "llm"),
        ("text-generation-launcher --model-id x", "llm"),
        ("text-embeddings-router --model-id x", "embedding"),
        ("litellm --config x.yaml", "llm"),
    ],
)
def test_a_model_server_becomes_a_component_of_its_kind(line: str, kind: str) -> None:
    """With the address of its API, and nothing that has to be filled in."""
    known = load_table().by_program(names_of(tuple(line.split(" "))))
    assert known is not None
    door = Door(host="127.0.0.1", port=8080, uid=0, socket="socket:[1]")
    (way,) = specialist(load_packs().kinds[kind], known, door, ())
    assert way.keys == {"kind": kind, "base_url": "http://127.0.0.1:8080/v1"}
