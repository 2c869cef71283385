"""A speech engine that no one here wrote, espeak-ng, behind the small server of the drills; and what goes wrong with it."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from living import free_port, until
from packs.conftest import Bench, SetProcesses, make_settings
from paramedic.packs.speech import pack
from paramedic.packs.speech.target import Speech
from paramedic.sdk import Finding, Status, proc

ENGINE = shutil.which("espeak-ng")
CHECKS = {each.id: each for each in pack.checks}
LIMIT_S = 60.0
ROWS: list[tuple[str, ...]] = []

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(ENGINE is None, reason="Debian's espeak-ng is not installed; `make test-system` installs it"),
]


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was found, for people."""
    yield
    heads = ("what was done", "check", "found", "in", "in words")
    lines = [f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *ROWS)]
    sys.__stdout__.write("\n" + "\n".join(lines) + "\n")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path, settings=make_settings(tmp_path), processes=SetProcesses())


@contextmanager
def speaking(folder: Path, engine: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A server around an engine: its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", "paramedic.drills.servers.speaker", str(port), engine]
    server = subprocess.Popen(command, cwd=folder, start_new_session=True)
    try:
        until(lambda: proc.listeners(port), 60, "the server")
        yield f"http://127.0.0.1:{port}", server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # an engine that hangs, too
        server.wait()


def around(folder: Path, *lines: str) -> str:
    """An engine with a fault: a script around the real one."""
    script = folder / "engine"
    script.write_text("\n".join(("#!/bin/sh", *lines, "")))
    script.chmod(0o755)
    return str(script)


async def tell(bench: Bench, what: str, check: str, target: Speech, *, timeout_s: float = LIMIT_S) -> Finding:
    bench.memories.clear()
    began = time.monotonic()
    [found] = await bench.look(CHECKS[check], target, timeout_s=timeout_s)
    took = f"{time.monotonic() - began:.2f} s"
    ROWS.append((what, check, found.code or str(found.status), took, found.observed[:80]))
    return found


async def test_a_real_engine_is_heard(bench: Bench, tmp_path: Path) -> None:
    """Its voices are known, its words have samples although it streams, and twenty words at once are no trouble."""
    with speaking(tmp_path, str(ENGINE)) as (url, server):
        target = Speech(url=url, voice="en-gb")
        found = await tell(bench, "nothing", "speech.answers", target)
        assert found.status is Status.OK, found
        found = await tell(bench, "nothing", "speech.speaks", target)
        assert found.status is Status.OK, found
        assert "as WAV of 0." in found.observed
        assert found.measures["peak_percent"] > 5
        many = await asyncio.gather(
            *(tell(bench, "overloaded: 20 words at once", "speech.speaks", target) for _ in range(20))
        )
        assert {each.status for each in many} == {Status.OK}, many

        lost = Speech(url=url, voice="nobody")
        found = await tell(bench, "a voice that it has not", "speech.answers", lost)
        assert found.code == "tts.voice-missing", found
        found = await tell(bench, "a voice that it has not", "speech.speaks", lost)
        assert found.code == "tts.error", found

        server.send_signal(signal.SIGSTOP)
        found = await tell(bench, "stopped (SIGSTOP)", "speech.answers", target, timeout_s=3.0)
        assert found.code == "tts.timeout", found
        server.send_signal(signal.SIGCONT)
        server.kill()
        server.wait()
        found = await tell(bench, "killed", "speech.answers", target)
        assert found.code == "tts.refused", found


@pytest.mark.parametrize(
    ("what", "lines", "code"),
    [
        ("it speaks silence", ('exec "$REAL" -a 0 "$@"',), "tts.silent"),
        ("it breaks off in the header", ('"$REAL" "$@" | head -c 20',), "tts.audio-invalid"),
        ("it prints what is no audio", ("echo loading the voice",), "tts.audio-invalid"),
        ("it crashes", ("kill -SEGV $$",), "tts.error"),
        ("it hangs", ("exec sleep 60",), "tts.timeout"),
    ],
)
async def test_an_engine_that_fails(bench: Bench, tmp_path: Path, what: str, lines: tuple[str, ...], code: str) -> None:
    """The server answers and lists its voices; only what is heard shows what is wrong."""
    with speaking(tmp_path, around(tmp_path, f"REAL={ENGINE}", *lines)) as (url, _):
        timeout_s = 4.0 if code == "tts.timeout" else LIMIT_S
        found = await tell(bench, what, "speech.speaks", Speech(url=url, voice="en"), timeout_s=timeout_s)
    assert (found.code, found.status) == (code, Status.CRITICAL), found
