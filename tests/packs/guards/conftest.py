"""A program with guards in it, and looking at it until it shows what is expected."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guarded_program import WITHIN_S, Program
from paramedic.packs.guards import pack
from paramedic.packs.guards.target import Guards
from paramedic.sdk import Status

CHECKS = {each.id: each for each in pack.checks}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path)
    yield found
    found.end()


@pytest.fixture
def target(program: Program) -> Guards:
    """The guards of the program."""
    return Guards(folder=program.guards, dependencies={"model": "model"})


@pytest.fixture
def finds(bench, target: Guards) -> Callable[..., Awaitable[Any]]:
    """Look until a check says what is expected: a program shows its guards once a second."""

    async def look_until(check: str, wanted: str | Status, *, at: Guards | None = None, says: str = "") -> Any:
        found: list[Any] = []
        for _ in range(int(WITHIN_S / 0.1)):
            found = await bench.look(CHECKS[check], at or target)
            hits = [each for each in found if wanted in (each.code, each.status) and says in each.observed]
            if hits:
                return hits[0]
            await asyncio.sleep(0.1)
        pytest.fail(f"`{check}` does not find {wanted} {says}, but {found}")

    return look_until
