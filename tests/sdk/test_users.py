"""Who rests while data are replaced."""

from types import SimpleNamespace
from typing import Any

import pytest

from paramedic.model.component import Component, ProcessSpec
from paramedic.sdk import users


def part(name: str, *needs: str, command: bool = True) -> Component:
    """A component, started by Paramedic or not."""
    spec = ProcessSpec(command=(name,)) if command else None
    return Component(name=name, kind="tcp", target=None, depends_on=needs, process=spec)


@pytest.mark.parametrize(
    ("with_itself", "wanted"), [(True, ("store", "api", "worker")), (False, ("api", "worker"))], ids=["file", "server"]
)
def test_what_uses_it_rests_and_a_server_goes_on(with_itself: bool, wanted: tuple[str, ...]) -> None:
    """Only what is started by Paramedic and runs; a server replaces its data itself, so that it is not stopped."""
    parts = {
        each.name: each
        for each in (
            part("store"),
            part("api", "store"),
            part("idle", "store"),
            part("stranger", "store", command=False),
            part("worker", "store", "api"),
            part("page", "api"),
        )
    }
    context: Any = SimpleNamespace(
        component=parts["store"],
        service=SimpleNamespace(components=parts, start_order=lambda: tuple(parts)),
        processes=SimpleNamespace(facts=lambda each: SimpleNamespace(pid=None if each.name == "idle" else 7)),
    )
    assert users.running(context, with_itself=with_itself) == wanted
