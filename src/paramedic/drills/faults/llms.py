"""A model server that is down, hangs, dawdles, babbles, lacks its model or its memory, or is only busy.

The server is a stand-in (``drills/servers/model_server.py``): it speaks the protocols, and no model is behind it.
"""

import asyncio
import hashlib
import json
import os
import shlex
import signal
import stat
import sys
import urllib.request
from pathlib import Path
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.model_server import END

_MODEL = "tiny"
_SERVER = "paramedic.drills.servers.model_server"
_HURRIED = {"stalled_after_s": 3, "still_after_s": 4, "canary_every_s": 1, "retry_every_s": 1, "sample_every_s": 2}
"""The drill has no hour; the defaults have."""
_WEIGHTS, _SOURCE = Path("data/models/tiny.gguf"), Path("published/tiny.gguf")
_CONTEXT = 64
_CALLERS = 20
_CALLER = """
import json, sys, threading, urllib.request
def ask():
    body = json.dumps({"prompt": "tell me everything", "max_tokens": 64, "stream": True}).encode()
    while True:
        with urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/v1/completions", data=body)) as answer:
            answer.read()
threads = [threading.Thread(target=ask) for _ in range(int(sys.argv[2]))]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
_NVIDIA_SMI = """#!/bin/sh
# a stand-in for nvidia-smi: it prints what the drill wrote
cat {table}
"""


def _llm(
    *options: str,
    is_kept: bool = False,
    is_hurried: bool = True,
    thresholds: dict[str, float] | None = None,
    **keys: Any,
) -> Step:
    """Give the patient a model server. (Any: as in a service file.)

    Args:
        options: of the stand-in.
        is_kept: under a parent that does not notice its crash.
        is_hurried: without the calm of the defaults.
        thresholds: beside those of a hurried drill.
        keys: of the component.
    """

    async def prepare(patient: Patient) -> None:
        (port,) = free_ports(1)
        python = [sys.executable, "-m"]
        command = [*python, _SERVER, str(port), "--model", _MODEL, *options]
        part: dict[str, Any] = {
            "kind": "llm",
            "base_url": f"http://127.0.0.1:{port}/v1",
            "model": _MODEL,
            "interval": "1s",
            "timeout": "10s",
            "tokens_per_hour": 5000,
            "thresholds": (_HURRIED if is_hurried else {}) | (thresholds or {}),
            "process": {
                "command": [*python, "paramedic.drills.servers.keeper", *command] if is_kept else command,
                "port": port,
                "stop_timeout": "2s",
            },
            **keys,
        }

        def change(document: dict[str, Any]) -> None:
            document["components"]["llm"] = part
            for name in ("api", "model"):  # `paramedic check` has more to do than in other drills
                document["components"][name]["timeout"] = "5s"
            document["components"]["worker"]["depends_on"].append("llm")

        patient.edit(change)

    return prepare


async def post_to(patient: Patient, name: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send JSON to a model server, or ask for a page; an answer that is an error is none. (Any: JSON.)"""
    root = str(patient.component(name)["base_url"]).removesuffix("/v1")
    request = urllib.request.Request(  # noqa: S310  # the address stands in our own service file
        root + path,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json"},
    )

    def send() -> dict[str, Any]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # see above
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except urllib.error.HTTPError:
            return {}

    return await asyncio.to_thread(send)


async def _fall(patient: Patient, **mood: Any) -> None:  # Any: see above
    patient.mark()
    await post_to(patient, "llm", "/mood", mood)


@fault("llm-unreachable", prepare=_llm(is_kept=True))
async def stop_the_server(patient: Patient) -> None:
    """Crash the model server under a parent that does not notice."""
    await patient.send("llm", signal.SIGUSR1)


@fault("llm-model-missing", prepare=_llm())
async def remove_the_model(patient: Patient) -> None:
    """Take the configured model out of the server's list."""
    await _fall(patient, models=["another"])


@fault("llm-generation-hangs", prepare=_llm())
async def hang(patient: Patient) -> None:
    """From now on no token is generated, while ``/health`` goes on answering 200."""
    await _fall(patient, hangs=True)


@fault("llm-slow", prepare=_llm(thresholds={"response_s": 1, "stalled_after_s": 8}))
async def dawdle(patient: Patient) -> None:
    """Let the first token take longer than a whole answer may."""
    await _fall(patient, first_s=1.5)


@fault("llm-garbage", prepare=_llm())
async def babble(patient: Patient) -> None:
    """Let it answer the same again and again."""
    await _fall(patient, text="GGGGGGGG", token_s=0.001)


@fault("llm-context-overflow", prepare=_llm("--context", str(_CONTEXT)))
async def ask_too_long(patient: Patient) -> None:
    """Let the service ask with a prompt that is longer than the model's context."""
    patient.mark()
    await post_to(patient, "llm", "/v1/completions", {"prompt": "word " * (3 * _CONTEXT), "max_tokens": 1})


@fault("llm-out-of-memory", prepare=_llm())
async def run_out_of_memory(patient: Patient) -> None:
    """Let it answer as an Ollama whose model is larger than the memory that is free."""
    await _fall(patient, refuses="model requires more system memory (38.4 GiB) than is available (3.1 GiB)")


@fault("llm-threads-oversubscribed", prepare=_llm())
async def use_too_many_threads(patient: Patient) -> None:
    """Let it compute with twice as many threads as it may use cores."""
    await _fall(patient, threads=2 * len(os.sched_getaffinity(0)) + 1)


async def _with_an_accelerator(patient: Patient) -> None:
    tool = patient.folder / "nvidia-smi"
    table = patient.folder / "accelerators.csv"
    _fill(table, 3100)
    tool.write_text(_NVIDIA_SMI.format(table=shlex.quote(str(table))))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    await _llm(accelerator=[str(tool)])(patient)


def _fill(table: Path, used_mb: int) -> None:
    draft = table.with_suffix(".draft")
    draft.write_text(f"0, Stand-in 24 GB, 812, 24576\n1, Stand-in 24 GB, {used_mb}, 24576\n")
    draft.replace(table)


@fault("gpu-memory-exhausted", prepare=_with_an_accelerator)
async def fill_the_accelerator(patient: Patient) -> None:
    """Let the stand-in for ``nvidia-smi`` report a full card."""
    patient.mark()
    _fill(patient.folder / "accelerators.csv", 24310)


async def _with_a_file(patient: Patient) -> None:
    content = b"GGUF" + (3).to_bytes(4, "little") + bytes(16) + os.urandom(1 << 20) + END
    for place in (_WEIGHTS, _SOURCE):
        path = patient.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    keys: dict[str, Any] = {  # Any: as in a service file
        "file": str(_WEIGHTS),
        "file_bytes": len(content),
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "source": str(patient.folder / _SOURCE),
    }
    neighbour = (patient.folder / _WEIGHTS).with_name("another.gguf")
    neighbour.write_bytes(b"another model's cache")
    await _llm("--file", str(_WEIGHTS), **keys)(patient)


async def _holds_the_published_file(patient: Patient) -> None:
    if (patient.folder / _WEIGHTS).read_bytes() != (patient.folder / _SOURCE).read_bytes():
        raise DrillFailed("the model's file is not what was published")
    left = sorted(each.name for each in (patient.folder / _WEIGHTS).parent.iterdir())
    if left != ["another.gguf", "tiny.gguf"]:
        raise DrillFailed(f"the cache holds {', '.join(left)}")


@fault("model-cache-corrupt", prepare=_with_a_file, afterwards=_holds_the_published_file)
async def truncate_the_file(patient: Patient) -> None:
    """Cut the model's file in half."""
    path = patient.folder / _WEIGHTS
    patient.mark()
    os.truncate(path, path.stat().st_size // 2)


async def _asked_nothing(patient: Patient) -> None:
    """While others were served, not one token was spent on looking."""
    seen = await post_to(patient, "llm", "/mood")
    ours = [each for each in seen["asked"] if each.startswith("paramedic/")]
    before = int((patient.folder / "canaries").read_text())
    if len(ours) > before:
        raise DrillFailed(f"{len(ours) - before} canaries were sent to a busy server")
    if seen["decoded"] < _CALLERS:
        raise DrillFailed("the server was not busy")


@fault("slow-but-busy-llm", prepare=_llm("--slots", "4", is_hurried=False), afterwards=_asked_nothing)
async def serve_many(patient: Patient) -> None:
    """Let twenty callers keep four slots busy, each token taking its time."""
    patient.mark()
    await post_to(patient, "llm", "/mood", {"token_s": 0.15, "first_s": 1.0})
    patient.invite(
        (sys.executable, "-c", _CALLER, str(patient.component("llm")["base_url"]).removesuffix("/v1"), str(_CALLERS))
    )
    for _ in range(100):
        seen = await post_to(patient, "llm", "/mood")
        if len([each for each in seen["asked"] if not each.startswith("paramedic/")]) >= _CALLERS // 2:
            break
        await patient.clock.sleep(0.1)
    await patient.clock.sleep(2)  # a canary that was on its way when the callers came
    seen = await post_to(patient, "llm", "/mood")
    sent = len([each for each in seen["asked"] if each.startswith("paramedic/")])
    (patient.folder / "canaries").write_text(str(sent))
