"""Builds runners over made-up services, whose checks the tests define."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from paramedic.checking import Runner
from paramedic.model.clock import SystemClock
from paramedic.model.component import Component
from paramedic.model.service import Permit
from paramedic.sdk import CheckSpec, Kind, Pack, Registry
from scenery import make_service, make_settings
from things import Facts, Thing


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
def looking(tmp_path: Path, facts: Facts) -> Callable[..., Runner]:
    """Builds a runner: ``looking(*checks, components=…, secrets=…, **settings)``."""

    def build(
        *checks: CheckSpec,
        components: Sequence[Component] = (),
        secrets: tuple[str, ...] = (),
        broken: dict[str, str] | None = None,
        permits: frozenset[Permit] = frozenset(),
        **changed: object,
    ) -> Runner:
        every = components or [Component(name="it", kind="thing", target=Thing())]
        service = make_service(
            tmp_path, *every, settings=make_settings(tmp_path, **changed), secrets=secrets, permits=permits
        )
        pack = Pack(name="things", kinds=(Kind(name="thing", summary="a thing", target=Thing),), checks=checks)
        return Runner(service, Registry((pack,), broken or {}), SystemClock(), facts)

    return build
