"""Services of real processes for the tests of the running program."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import Scene
from supervised import Bench

from paramedic.model.component import Component


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    """Makes a service of the components given, adopted and ready; all of it is ended after the test."""
    made: list[Bench] = []

    async def make(*components: Component, **settings: Any) -> Bench:
        made.append(Bench(tmp_path, *components, **settings))
        await made[-1].supervisor.adopt()
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Callable[..., Scene]]:
    """Makes scenes; those that still live are ended after the test."""
    made: list[Scene] = []

    def make(*components: Component, **fields: Any) -> Scene:
        made.append(Scene(tmp_path, *components, **fields))
        return made[-1]

    yield make
    for each in made:
        await each.end()
