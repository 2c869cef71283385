"""Where a thread is in its program just now, where a profiler is installed that can tell."""

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path

_WITHIN_S = 2.0
_FRAMES = 8
_BESIDE = Path(sys.executable).parent
"""Where the optional profiler is installed together with Paramedic."""


async def of_thread(pid: int, tid: int, *, within_s: float = _WITHIN_S) -> str:
    """The innermost frames of a thread of a Python process, by ``py-spy``; empty where that cannot be told."""
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(_BESIDE))
    if spy is None:
        return ""
    try:
        process = await asyncio.create_subprocess_exec(
            *(spy, "dump", "--nonblocking", "--pid", str(pid)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(min(within_s, _WITHIN_S)):
            said, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _frames(said.decode(errors="replace"), tid)


def _frames(dump: str, tid: int) -> str:
    """Those of one thread in a dump such as ``Thread 4242 (active): "MainThread"`` with indented frames."""
    frames: list[str] = []
    is_ours = False
    for line in dump.splitlines():
        if line.startswith("Thread "):
            is_ours = line.split()[1] == str(tid)
        elif is_ours and line.strip():
            frames.append(line.strip())
    return "\n".join(frames[:_FRAMES])
