"""The first invariant: whoever asks how things are changes nothing about them."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from living import SERVER, free_port, until
from paramedic.sdk import proc

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def shop(home: Path) -> Iterator[Path]:
    """A service of which every part is there: some well, some sick, one that does not run."""
    (home / "data").mkdir()
    port = free_port()
    (home / "server.py").write_text(SERVER)
    server = subprocess.Popen([sys.executable, "server.py", str(port)], cwd=home)
    database = sqlite3.connect(home / "data" / "shop.db")
    database.execute("pragma journal_mode=wal")
    database.execute("create table notes (text)")
    database.commit()
    (home / "data" / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    (home / "good.yaml").write_text("name: shop\n")
    (home / "bad.yaml").write_text("name: [\n")
    (home / ".env").write_text("KEY=value\n")
    never = {"kind": "process", "process": {"command": ["sleep", "7654"]}}
    components: dict[str, Any] = {
        "door": {"kind": "tcp", "host": "127.0.0.1", "port": port},
        "shut": {"kind": "tcp", "host": "127.0.0.1", "port": free_port()},
        "api": {"kind": "http", "url": f"http://127.0.0.1:{port}/"},
        "worker": never,
        "sleeper": {"kind": "process", "process": {"match": "server.py"}},
        "db": {"kind": "sqlite", "path": "data/shop.db", "tables": ["notes", "orders"]},
        "old": {"kind": "sqlite", "path": "data/broken.db"},
        "settings": {"kind": "config", "path": "good.yaml", "required": ["name"]},
        "broken": {"kind": "config", "path": "bad.yaml"},
        "machine": {"kind": "host"},
    }
    (home / "paramedic.yaml").write_text(json.dumps({"service": "shop", "components": components}))
    try:
        until(lambda: proc.listeners(port), 20, "the server listens")
        yield home
    finally:
        database.close()
        server.kill()
        server.wait()


def world(folder: Path) -> dict[str, object]:
    """Everything that a check could have changed: files with their times, processes, open ports."""
    files: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("-shm"):  # the list of present readers, in which SQLite notes each of them, us too
            files[path.name] = path.stat().st_size
            continue
        seen = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        files[str(path.relative_to(folder))] = (seen.st_mode, seen.st_uid, seen.st_size, seen.st_mtime_ns, content)
    here = [pid for pid in proc.pids() if _cwd(pid).startswith(str(folder))]
    held = {link for pid in here for link in proc.links(pid) if link.startswith("socket:")}
    processes = {str(pid): (proc.command(pid), proc.is_suspended(pid)) for pid in here}
    return {**files, **processes, **dict.fromkeys(held)}


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


@pytest.mark.parametrize(
    "arguments",
    [(), ("--format", "json"), ("worker", "db")],
    ids=" ".join,
)
def test_a_check_changes_nothing(paramedic: Run, shop: Path, arguments: tuple[str, ...]) -> None:
    """No file, no time of a file, no process, no port: whatever is well or sick."""
    before = world(shop)
    ended = paramedic("check", *arguments)
    assert ended.returncode in (2, 3), ended.stderr
    assert world(shop) == before


def test_nor_does_one_that_is_interrupted(paramedic: Run, shop: Path) -> None:
    """Ctrl-C in the middle leaves nothing behind."""
    before = world(shop)
    with subprocess.Popen(
        [sys.executable, "-m", "paramedic", "check"], cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        until(lambda: proc.command(asking.pid) != (), 30, "it began")
        asking.send_signal(signal.SIGINT)
        asking.communicate(timeout=60)
    assert world(shop) == before


def test_a_question_about_the_past_changes_nothing(paramedic: Run, shop: Path) -> None:
    """Neither do the commands that only read records, where there are none."""
    before = world(shop)
    for words in (("status",), ("incidents",), ("receipts",), ("audit",), ("checks",), ("config", "show")):
        assert paramedic(*words).returncode in (0, 3), words
    assert world(shop) == before


def test_the_comparison_would_notice(shop: Path) -> None:
    """A touched file and a written one are told apart from nothing."""
    before = world(shop)
    os.utime(shop / "good.yaml", (1, 1))
    assert world(shop) != before
    with closing(sqlite3.connect(shop / "data" / "shop.db")) as database:
        before = world(shop)
        database.execute("insert into notes values ('x')")
        database.commit()
        assert world(shop) != before
