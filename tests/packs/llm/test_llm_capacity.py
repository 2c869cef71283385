"""Context, queue, memory, threads and accelerators of a model server. The servers are stand-ins, named as such."""

import os
import subprocess
import sys
import time

import pytest

from living import until
from paramedic.packs.llm import machine, shortage
from paramedic.packs.llm.accelerator import has_room
from paramedic.packs.llm.capacity import holds_prompts, keeps_up
from paramedic.packs.llm.shortage import advice, fits
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.threads import fit_the_cores
from paramedic.sdk import Status

NOWHERE = "http://127.0.0.1:1/v1"
BUSY = """
import hashlib, sys, threading
def work():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 20000)
for _ in range(int(sys.argv[1])):
    threading.Thread(target=work).start()
threading.Event().wait()
"""


async def test_a_context_as_long_as_declared_is_well(serve, look):
    """What the server gives each slot."""
    running = await serve(context=4096)
    (found,) = await look(holds_prompts, running.target(context_tokens=4096))
    assert (found.status, found.measures["context_tokens"]) == (Status.OK, 4096)


async def test_a_shorter_context_is_told(serve, look):
    """Longer prompts will be refused or cut."""
    running = await serve(context=512)
    (found,) = await look(holds_prompts, running.target(context_tokens=4096))
    assert (found.code, found.status) == ("llm.context-overflow", Status.WARNING)


@pytest.mark.parametrize(
    "line",
    [
        "srv send_error: request (3002 tokens) exceeds the available context size (512 tokens), try increasing it",
        "ValueError: This model's maximum context length is 512 tokens. However, you requested 3002 tokens",
        'level=WARN msg="truncating input prompt" limit=512 prompt=3002 keep=5 new=512',
    ],
)
async def test_refused_and_cut_prompts_stand_in_the_log(serve, look, processes, tmp_path, line):
    """llama.cpp, vLLM and Ollama each say it in their way; in what Paramedic keeps, or in a declared file."""
    running = await serve(context=512)
    processes.set("it", pid=os.getpid(), log_tail=f"started\n{line}\n")
    (found,) = await look(holds_prompts, running.target())
    assert found.code == "llm.context-overflow"
    assert "needed 3002 tokens" in found.observed
    processes.set("it", pid=os.getpid(), log_tail="")
    (tmp_path / "server.log").write_text(f"{line}\n")
    (found,) = await look(holds_prompts, running.target(log=tmp_path / "server.log"))
    assert found.code == "llm.context-overflow"


async def test_a_log_that_cannot_be_read_is_unknown(serve, look, tmp_path):
    """Not well, and not the server's fault."""
    running = await serve()
    for check in (holds_prompts, fits):
        (found,) = await look(check, running.target(log=tmp_path / "absent.log"))
        assert found.status is Status.UNKNOWN


async def test_a_queue_is_only_told_until_somebody_says_how_long_it_may_be(serve, look):
    """A busy server is no trouble by itself."""
    running = await serve(slots=2)
    running.server.waiting = 9
    (found,) = await look(keeps_up, running.target())
    assert (found.status, found.measures["waiting"]) == (Status.OK, 9)
    (found,) = await look(keeps_up, running.target(), thresholds={"queue_waiting": 5})
    assert (found.code, found.status) == ("llm.queue-long", Status.WARNING)


async def test_a_full_kv_cache_is_told_where_a_limit_is_declared(look, serve, monkeypatch):
    """As vLLM counts it."""
    running = await serve()
    page = 'vllm:kv_cache_usage_perc{model_name="tiny"} 0.97\nvllm:num_requests_running{model_name="tiny"} 3\n'
    monkeypatch.setattr(type(running.server), "_metrics", lambda _self: page)
    monkeypatch.setattr(type(running.server), "_slot", lambda _self, _n, _d: {})
    (found,) = await look(keeps_up, running.target(), thresholds={"kv_percent": 95})
    assert found.code == "llm.kv-cache-full"
    assert found.measures["kv_percent"] == 97


async def test_who_tells_nothing_is_not_judged(serve, look):
    """Without pages nobody knows how busy it is."""
    running = await serve(pages=False)
    (found,) = await look(keeps_up, running.target())
    assert found.status is Status.INFO


@pytest.mark.parametrize(
    "line",
    [
        "Error: model requires more system memory (38.4 GiB) than is available (3.1 GiB)",
        "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "llama_model_load: error loading model: unable to allocate CPU buffer",
    ],
)
async def test_a_log_that_says_memory_is_short(look, processes, line):
    """The words of the usual servers."""
    processes.set("it", pid=os.getpid(), log_tail=f"loading\n{line}\nretrying\n")
    (found,) = await look(fits, Llm(base_url=NOWHERE))
    assert (found.code, found.status) == ("llm.out-of-memory", Status.CRITICAL)
    assert line.split()[0] in found.because


async def test_a_file_larger_than_free_memory_is_told_before_the_start(look, tmp_path, monkeypatch):
    """While it does not run."""
    (tmp_path / "m.bin").write_bytes(b"x" * 5000)
    monkeypatch.setattr(shortage, "free_bytes", lambda: 4000)
    (found,) = await look(fits, Llm(base_url=NOWHERE, file=tmp_path / "m.bin"))
    assert found.code == "llm.out-of-memory"
    assert "at most 72 % of that size" in (found.hint or "")


async def test_enough_memory_is_well(look):
    """Nothing says otherwise."""
    (found,) = await look(fits, Llm(base_url=NOWHERE))
    assert found.status is Status.OK


def test_the_advice_computes_what_fits(tmp_path):
    """By file and free memory; without a file, by the usual sizes."""
    (tmp_path / "m.bin").write_bytes(b"x" * 1000)
    assert "shorten its context" in advice(Llm(base_url=NOWHERE, file=tmp_path / "m.bin"), 2000)
    assert "4.0 billion at f16" in advice(Llm(base_url=NOWHERE), int(8e9 / 0.9) + 1)
    assert "smaller" in advice(Llm(base_url=NOWHERE), None)


@pytest.fixture
def busy():
    """A process with so many computing threads."""
    started = []

    def start(threads: int, *words: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", BUSY, str(threads), *words])
        started.append(process)
        until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) >= threads, 30, "the threads run")
        return process.pid

    yield start
    for each in started:
        each.kill()
        each.wait()


async def test_more_computing_threads_than_cores_are_told(look, processes, busy):
    """Measured, not declared: each waits for a core for a good part of the time."""
    processes.set("it", pid=busy(3 * len(os.sched_getaffinity(0)) + 1))
    deadline = time.monotonic() + 30
    while True:
        (found,) = await look(fit_the_cores, Llm(base_url=NOWHERE))
        if found.code or time.monotonic() > deadline:
            break
    assert (found.code, found.status) == ("llm.threads", Status.WARNING)
    assert "--threads" in (found.hint or "")


@pytest.mark.parametrize(("words", "code"), [(("--threads", "999"), "llm.threads"), (("-t", "1"), None), ((), None)])
async def test_an_idle_server_is_judged_by_what_it_is_told(look, processes, words, code, busy):
    """The option of its command line."""
    processes.set("it", pid=busy(0, *words))
    (found,) = await look(fit_the_cores, Llm(base_url=NOWHERE))
    assert found.code == code


async def test_no_process_is_nothing_to_look_at(look):
    """It may be on another machine."""
    (found,) = await look(fit_the_cores, Llm(base_url="http://192.0.2.1/v1"))
    assert found.status is Status.INFO


@pytest.fixture
def smi(tmp_path):
    """A stand-in for nvidia-smi, named as such: a program that prints a table."""

    def write(table: str, code: int = 0) -> tuple[str, ...]:
        path = tmp_path / "nvidia-smi-stand-in"
        path.write_text(f"#!/bin/sh\nprintf '{table}'\nexit {code}\n")
        path.chmod(0o755)
        return (str(path),)

    return write


async def test_a_full_accelerator_is_named(look, smi):
    """Which one, and how full."""
    command = smi("0, Card A, 500, 24000\\n1, Card B, 23900, 24000\\n")
    (found,) = await look(has_room, Llm(base_url=NOWHERE, accelerator=command))
    assert (found.code, found.status) == ("gpu.memory", Status.CRITICAL)
    assert "Card B" in found.observed


async def test_room_on_every_accelerator_is_well(look, smi):
    """And measured."""
    (found,) = await look(has_room, Llm(base_url=NOWHERE, accelerator=smi("0, Card A, 500, 1000\\n")))
    assert (found.status, found.measures["gpu_percent"]) == (Status.OK, 50)


@pytest.mark.parametrize(("table", "code"), [("hello\\n", 0), ("0, a, 1, 0\\n", 0), ("", 9)])
async def test_a_declared_tool_that_fails_is_unknown(look, smi, table, code):
    """What cannot be told is not well."""
    (found,) = await look(has_room, Llm(base_url=NOWHERE, accelerator=smi(table, code)))
    assert found.status is Status.UNKNOWN


async def test_no_accelerator_is_no_trouble(look, monkeypatch, tmp_path):
    """Nothing to look at; a card of the kernel's is."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    (found,) = await look(has_room, Llm(base_url=NOWHERE))
    assert found.status is Status.OK
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text("1000000\n")
    (device / "mem_info_vram_used").write_text("999000\n")
    monkeypatch.setattr("paramedic.packs.llm.accelerator._CARDS", tmp_path)
    (found,) = await look(has_room, Llm(base_url=NOWHERE))
    assert found.code == "gpu.memory"


def test_processes_are_found_with_what_descends_from_them(bench, processes):
    """A server may compute in children."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        processes.set("it", pid=os.getpid())
        target = Llm(base_url=NOWHERE)
        component = bench.component(target)

        class Seen:
            pass

        context = Seen()
        context.processes, context.component = processes, component
        assert {os.getpid(), child.pid} <= set(machine.pids(target, context))
    finally:
        child.kill()
        child.wait()
