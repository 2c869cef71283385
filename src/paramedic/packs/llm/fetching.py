"""Gets a model's file from where it is published into a draft beside its place.

What has come already is kept: the next try goes on from there, because a large file takes longer than one try may.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from paramedic.model.clock import Clock
from paramedic.sdk import ActionFailed
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import open_regular

_CHUNK = 1 << 20
_RESERVE_BYTES = 256 << 20
"""Kept free on the disk."""
_LAST_WORDS = 400


def is_url(source: str) -> bool:
    """Whether it is fetched over the network."""
    return urlsplit(source).scheme in ("http", "https")


def refuse_without_room(folder: Path, needed: int) -> None:
    """Raises ``ActionFailed`` where the disk is too full."""
    free = shutil.disk_usage(folder).free
    if free < needed + _RESERVE_BYTES:
        raise ActionFailed(f"`{folder}` has {free // 1_000_000} MB free, and {needed // 1_000_000} MB are needed")


async def fetch(source: str, draft: Path, limit_s: float, clock: Clock) -> None:
    """Get the whole file into a draft, going on with what is there.

    Raises:
        ActionFailed: it did not come, or not whole yet.
    """
    try:
        if is_url(source):
            await _download(source, draft, limit_s, clock)
        else:
            until = clock.monotonic() + limit_s
            place = Path(source.removeprefix("file://"))
            await in_thread(_copy, place, draft, lambda: clock.monotonic() < until)
    except OSError as error:
        raise ActionFailed(f"`{source}` could not be fetched: {error.strerror or error}") from None


async def run(command: Sequence[str], folder: Path, limit_s: float) -> None:
    """Have a declared command fetch it.

    Raises:
        ActionFailed: it failed, or took too long.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ActionFailed(f"`{command[0]}` cannot be started: {error.strerror}") from None
    try:
        _, err = await asyncio.wait_for(process.communicate(), limit_s)
    except TimeoutError:
        raise ActionFailed(f"`{command[0]}` did not end within {limit_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = " ".join(err.decode(errors="replace").split())[-_LAST_WORDS:]
        raise ActionFailed(f"`{command[0]}` ended with {process.returncode}: {said}")


def _copy(source: Path, draft: Path, may_go_on: Callable[[], bool]) -> None:
    with open_regular(source) as content, draft.open("ab") as out:
        if out.tell() > os.fstat(content.fileno()).st_size:
            out.truncate(0)
        content.seek(out.tell())
        while chunk := content.read(_CHUNK):
            out.write(chunk)
            if not may_go_on():
                raise ActionFailed(f"`{source}` has not been copied whole yet; the next try goes on")
        out.flush()
        os.fsync(out.fileno())


async def _download(source: str, draft: Path, limit_s: float, clock: Clock) -> None:
    import aiohttp

    from paramedic.packs.tcp.names import Names

    had = draft.stat().st_size if draft.exists() else 0
    headers = {"Range": f"bytes={had}-"} if had else {}
    until = clock.monotonic() + limit_s
    try:
        async with (
            asyncio.timeout(limit_s),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Names())) as session,
            session.get(source, headers=headers) as response,
        ):
            if response.status == 416:  # nothing is left to send
                return
            if response.status not in (200, 206):
                raise ActionFailed(f"`{source}` answered {response.status} {response.reason}")
            with draft.open("ab" if response.status == 206 else "wb") as out:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    await in_thread(out.write, chunk)
                out.flush()
                await in_thread(os.fsync, out.fileno())
    except TimeoutError:
        came = draft.stat().st_size if draft.exists() else 0
        raise ActionFailed(
            f"{came // 1_000_000} MB came within {limit_s - max(0.0, until - clock.monotonic()):.0f} s; "
            "the next try goes on"
        ) from None
    except aiohttp.ClientError as error:
        raise ActionFailed(f"`{source}` could not be fetched: {' '.join(str(error).split())[:200]}") from None
