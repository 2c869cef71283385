"""Restarts of several instances: a share at a time, and no further once one does not come up again."""

import asyncio
from dataclasses import replace
from pathlib import Path

from paramedic.model.playbook import Plan, PlanState
from paramedic.model.service import Service
from paramedic.watch.rolling import in_turn, members
from plans import make_plan
from scenery import make_service, make_settings, part


class Orders:
    """Gives restarts; those of `broken` do not help."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.given: list[str] = []
        self.most = self.now = 0

    async def give(self, name: str) -> Plan:
        self.given.append(name)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        state = PlanState.FAILED if name in self.broken else PlanState.VERIFIED
        return replace(make_plan(suspect=name), state=state)


def service_of(folder: Path, share: float) -> Service:
    workers = [part(f"w{number}", group="worker") for number in range(4)]
    return make_service(folder, part("db"), *workers, part("api"), settings=make_settings(folder, instance_share=share))


async def test_a_share_at_a_time(tmp_path: Path) -> None:
    """Half of four are two; what is in no group comes where it stands, alone."""
    service, orders = service_of(tmp_path, 0.5), Orders()
    plans, left = await in_turn(service, tuple(service.components), orders.give)
    assert orders.given == ["db", "w0", "w1", "w2", "w3", "api"]
    assert (orders.most, len(plans), left) == (2, 6, {})


async def test_the_rest_is_left_alone_when_one_does_not_come_up(tmp_path: Path) -> None:
    """Two of four still work, and why is said; other components go on."""
    service, orders = service_of(tmp_path, 0.25), Orders("w1")
    _, left = await in_turn(service, tuple(service.components), orders.give)
    assert orders.given == ["db", "w0", "w1", "api"]
    assert left == dict.fromkeys(("w2", "w3"), "`w1` of the same group did not come up again")


def test_a_group_is_a_name_for_its_instances(tmp_path: Path) -> None:
    """Beside names of components, each only once."""
    assert members(service_of(tmp_path, 0.5), ("w1", "worker", "db")) == ("w1", "w0", "w2", "w3", "db")
