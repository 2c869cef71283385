"""Journeys are part of what follows a recovery."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.packs.journey.target import Journey, Step
from paramedic.recovery.probing import probed
from paramedic.sdk.pack import load_packs
from scenery import make_service, part

WAY = Journey(url="http://127.0.0.1:1", steps=(Step(request="GET /"),))


class Bench(SimpleNamespace):
    """Answers looks as a test laid them out, one after another, the last for ever."""

    def __init__(self, folder: Path, answers: dict[str, list[Status]]) -> None:
        components = (
            part("db"),
            part("api", "db"),
            Component(name="order", kind="journey", target=WAY, depends_on=("api",)),
            Component(name="elsewhere", kind="journey", target=WAY),
        )
        super().__init__(service=make_service(folder, *components), registry=load_packs(), clock=self)
        self.answers, self.looked, self.slept = answers, [], []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def look(self, component: str, checks=()) -> tuple[Finding, ...]:
        self.looked.append((component, tuple(checks)))
        coming = self.answers.get(component, [])
        if not coming:
            return ()
        status = coming.pop(0) if len(coming) > 1 else coming[0]
        return (
            Finding(component=component, kind="journey", check=checks[0], status=status, code=None, observed="step 2"),
        )


PLAN = SimpleNamespace(suspect="db")


@pytest.mark.parametrize(
    ("answers", "said", "looks"),
    [
        ([Status.OK], "`order` comes to its end", 1),
        ([Status.CRITICAL, Status.OK], "`order` comes to its end", 2),
        ([Status.CRITICAL], "`order` still fails: step 2", 3),
        ([Status.WARNING], "`order` still fails: step 2", 3),
        ([Status.UNKNOWN], "`order` could not look", 1),
        ([], "", 1),
    ],
)
async def test_journeys_that_need_the_healed_part(tmp_path, answers, said, looks):
    """Those that need it, directly or not, are looked at, with patience; others and other checks are not."""
    bench = Bench(tmp_path, {"order": answers})
    assert await probed(bench, PLAN) == said
    assert bench.looked == [("order", ("journey.completes",))] * looks


async def test_without_journeys_nothing_is_looked_at(tmp_path):
    """Nobody needs it: nothing to say."""
    bench = Bench(tmp_path, {})
    assert await probed(bench, SimpleNamespace(suspect="order")) == ""
    assert bench.looked == []
