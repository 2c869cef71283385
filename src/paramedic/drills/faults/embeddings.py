"""Another embedding model behind the same name. The server is a stand-in: its vectors are hashes of the texts."""

import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.faults.llms import post_to
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.model_server import DIMENSION, Mood, vector_of
from paramedic.packs.embedding.manifest import CANARIES, Canary, Manifest

_MODEL, _MANIFEST = "tiny-embedding", "data/embedding.json"


async def _with_an_embedding_model(patient: Patient) -> None:
    (port,) = free_ports(1)
    manifest = Manifest(
        model=_MODEL,
        dimension=DIMENSION,
        recorded_at=patient.clock.now().isoformat(timespec="seconds"),
        canaries=tuple(Canary(text=each, vector=vector_of(each, Mood())) for each in CANARIES),
    )
    (patient.folder / _MANIFEST).write_bytes(manifest.content)
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "embedding",
        "base_url": f"http://127.0.0.1:{port}/v1",
        "model": _MODEL,
        "dimension": DIMENSION,
        "manifest": _MANIFEST,
        "interval": "1s",
        "timeout": "10s",
        "tokens_per_hour": 5000,
        "thresholds": {"canary_every_s": 1, "retry_every_s": 1},
        "process": {
            "command": [
                *(sys.executable, "-m", "paramedic.drills.servers.model_server"),
                *(str(port), "--model", _MODEL),
            ],
            "port": port,
            "stop_timeout": "2s",
        },
    }

    def change(document: dict[str, Any]) -> None:  # Any: see above
        document["components"]["embedding"] = part
        document["components"]["worker"]["depends_on"].append("embedding")

    patient.edit(change)


@fault("embedding-fingerprint", prepare=_with_an_embedding_model)
async def exchange_the_model(patient: Patient) -> None:
    """Let another model answer under the same name."""
    patient.mark()
    await post_to(patient, "embedding", "/mood", {"embeds_as": "another"})
