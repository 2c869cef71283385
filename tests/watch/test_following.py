"""Which files have changed: those of components, and the service file."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramedic.model.clock import SystemClock
from paramedic.watch import following, program
from paramedic.watch.following import changed_files

_LONG_S = 60


def followed(*paths: Path) -> AsyncGenerator[str, None]:
    """One component for each file, called like it."""
    kind = SimpleNamespace(files=lambda path: (path,))
    components = {each.name: SimpleNamespace(name=each.name, kind="file", target=each) for each in paths}
    service, registry = SimpleNamespace(components=components), SimpleNamespace(kinds={"file": kind})
    node: Any = SimpleNamespace(service=service, registry=registry, clock=SystemClock())
    return changed_files(node)


async def test_a_change_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, removed and come again; what was there before is no change, nor is what stays as it is."""
    monkeypatch.setattr(following, "_EVERY_S", 0.01)
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    async with aclosing(followed(one, other)) as changes:
        for change in (lambda: one.write_text("ab"), one.unlink, lambda: one.write_text("c")):
            told = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0.1)
            assert not told.done()
            change()
            assert await asyncio.wait_for(told, _LONG_S) == "one"


async def test_a_file_that_does_not_answer_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a share whose server is gone: all else is followed, and so is this one once it is there again."""
    gone, well, answer, stamp = tmp_path / "gone", tmp_path / "well", threading.Event(), following._stamp
    is_left_out = asyncio.Event()
    asked: list[Path] = []
    gone.write_text("a")
    well.write_text("a")

    def slow(path: Path) -> Any:
        asked.append(path)
        if path == gone and len(asked) > 2:  # the first look at each is answered
            assert answer.wait(_LONG_S)
        return stamp(path)

    monkeypatch.setattr(following, "_stamp", slow)
    monkeypatch.setattr(following, "_EVERY_S", 0.01)
    monkeypatch.setattr(following, "_LIMIT_S", 0.2)
    monkeypatch.setattr(following._log, "warning", lambda *_: is_left_out.set())
    async with aclosing(followed(gone, well)) as changes:
        told = asyncio.ensure_future(anext(changes))
        try:
            await asyncio.wait_for(is_left_out.wait(), _LONG_S)
            well.write_text("ab")
            assert await asyncio.wait_for(told, _LONG_S) == "well"
            assert asked.count(gone) == 2, "one thread waits for it, not more and more of them"
            gone.write_text("ab")
            os.utime(gone, (1, 1))
        finally:
            answer.set()
        assert await asyncio.wait_for(anext(changes), _LONG_S) == "gone"


async def test_who_reads_the_service_file_again_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be on a share, too; and on a large one that is slow."""
    loop, read_twice = asyncio.get_running_loop(), asyncio.Event()
    threads: list[threading.Thread] = []

    def content(_: Path) -> None:
        threads.append(threading.current_thread())
        if len(threads) > 1:
            loop.call_soon_threadsafe(read_twice.set)

    monkeypatch.setattr(program, "_content", content)
    monkeypatch.setattr(program, "_RELOAD_S", 0.01)
    node: Any = SimpleNamespace(service=SimpleNamespace(path=Path("paramedic.yaml")))
    nothing: Any = None
    following_it = asyncio.ensure_future(program._reload(node, nothing, nothing, asyncio.Event()))
    try:
        await asyncio.wait_for(read_twice.wait(), _LONG_S)
    finally:
        following_it.cancel()
    assert threading.main_thread() not in threads
