"""Guides under way: steps that people tick off are plans with receipts, and checks have the last word."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from paramedic.model.errors import PlanStale, UsageError
from paramedic.model.incident import IncidentState
from paramedic.model.playbook import PlanState
from paramedic.model.receipt import Command
from paramedic.sdk.complaints import complaint
from paramedic.sdk.pack import load_packs
from paramedic.service import load
from paramedic.watch.guiding import Guiding
from paramedic.watch.node import Node

SERVICE = """
service: shop
components:
  phone: {kind: client}
  folder: {kind: files, paths: [{path: data, type: directory}]}
"""
GUIDE = """
helps: [path.missing]
steps:
  - do: mount the disk
    check: files.exists
  - do: tell the team
"""


class Desk:
    """A node at which people ask."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._guiding = Guiding(node)

    async def ask(self, do: str, by: str = "anna (uid 1000)", **args: Any) -> Any:
        command = Command(id="cmd-1", verb="guide", args={"do": do, **args}, by=by, at=self.node.clock.now())
        return await self._guiding.carry_out(command)

    async def begin(self, component: str, **args: Any) -> str:
        return str((await self.ask("start", component=component, **args))["plan"]["id"])

    def records(self, plan: str) -> tuple[Any, Any, Any]:
        """The plan, its receipts and its incident, from the store."""
        with self.node.store.read() as tx:
            found = tx.plans.get(plan)
            assert found is not None
            return found, tx.receipts.of(found.id), tx.incidents.get(found.incident) if found.incident else None


@pytest.fixture
def life(tmp_path: Path):
    """Begins a life of the node over the same records."""
    (tmp_path / "paramedic.yaml").write_text(SERVICE)
    (tmp_path / "guides").mkdir()

    @asynccontextmanager
    async def begin() -> AsyncIterator[Desk]:
        registry = load_packs()
        async with Node(load(tmp_path / "paramedic.yaml", registry, {}), registry, is_idle=True) as node:
            yield Desk(node)

    return begin


@pytest.fixture
async def stale_backend() -> AsyncIterator[str]:
    """A backend that has not heard of the client for years; its address."""

    async def seen(_request: web.Request) -> web.Response:
        return web.json_response({"last_seen": "2020-01-01T00:00:00+00:00"})

    app = web.Application()
    app.router.add_get("/phone", seen)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/phone"
    await runner.cleanup()


async def test_from_a_complaint_to_the_end(life):
    """A complaint is an incident; each tick leaves a receipt with who did it; after the last one it is resolved."""
    async with life() as desk:
        told = await desk.ask("complain", component="phone", what="it cannot connect")
        assert told["code"] == "guidance.mobile-client"
        plan = await desk.begin("phone")
        count = len(desk.records(plan)[0].steps)
        assert desk.records(plan)[2].plan == plan
        for number in range(count):
            await desk.ask("tick", plan=plan, note=f"note {number}", by="bert (uid 1001)")
    async with life() as desk:
        found, receipts, incident = desk.records(plan)
    assert found.state is PlanState.VERIFIED
    assert [each.step for each in receipts] == list(range(count))
    assert receipts[0].detail == "ticked off by bert (uid 1001): note 0"
    assert receipts[0].output == {"by": "bert (uid 1001)", "note": "note 0"}
    assert incident.state is IncidentState.RESOLVED
    assert incident.tried == ("mobile-client",)


async def test_it_survives_restarts(life):
    """Another life goes on where the last one ended; to start once more begins nothing new."""
    async with life() as desk:
        await desk.ask("complain", component="phone", what="it cannot connect")
        plan = await desk.begin("phone")
        await desk.ask("tick", plan=plan)
    async with life() as desk:
        assert await desk.begin("phone") == plan
        await desk.ask("tick", plan=plan, step=3)
        await desk.ask("tick", plan=plan)
        assert {each.step for each in desk.records(plan)[1]} == {0, 1, 2}
        assert desk.records(plan)[0].state is PlanState.PROPOSED
        incident = desk.records(plan)[2]
        assert incident.state is IncidentState.OPEN
        with desk.node.store.read() as tx:
            assert [each.text for each in tx.timeline.of(incident.id) if each.what == "guided"] == [
                f"anna (uid 1000) begins `mobile-client`: {len(desk.records(plan)[0].steps)} steps for people"
            ]


async def test_a_step_counts_once(life):
    """Ticked off again, it keeps its first receipt."""
    async with life() as desk:
        await desk.ask("complain", component="phone", what="it cannot connect")
        plan = await desk.begin("phone")
        await desk.ask("tick", plan=plan, step=1, by="anna")
        await desk.ask("tick", plan=plan, step=1, by="bert")
        assert [each.output["by"] for each in desk.records(plan)[1]] == ["anna"]


async def test_a_check_must_agree(life, tmp_path):
    """A step that a check can see is not done because somebody says so; nor is a guide after which it still fails."""
    (tmp_path / "guides" / "mount.yaml").write_text(GUIDE)
    async with life() as desk:
        plan = await desk.begin("folder", guide="mount")
        with pytest.raises(PlanStale, match="step 1 is not done yet"):
            await desk.ask("tick", plan=plan)
        (tmp_path / "data").mkdir()
        await desk.ask("tick", plan=plan)
        (tmp_path / "data").rmdir()
        await desk.ask("tick", plan=plan)
        found, receipts, _ = desk.records(plan)
        assert len(receipts) == 2
        assert found.state is PlanState.FAILED
        assert "still `files" in found.why_ended


async def test_a_complaint_stays_where_the_checks_still_fail(life, tmp_path, stale_backend):
    """The person's word alone does not end what can be seen: the guide fails, and the complaint is kept."""
    (tmp_path / "paramedic.yaml").write_text(
        SERVICE.replace("kind: client}", f"kind: client, last_seen: {stale_backend}}}")
    )
    async with life() as desk:
        await desk.ask("complain", component="phone", what="it cannot connect")
        plan = await desk.begin("phone")
        for _ in desk.records(plan)[0].steps:
            await desk.ask("tick", plan=plan)
        found, _, incident = desk.records(plan)
        assert found.state is PlanState.FAILED
        assert "has not heard of it" in found.why_ended
        assert incident.state is not IncidentState.RESOLVED
        assert complaint(desk.node.service.settings.state_dir, "phone")


async def test_stopped(life):
    """Who stopped it and why is kept; the incident stays open, and it can be begun anew."""
    async with life() as desk:
        await desk.ask("complain", component="phone", what="it cannot connect")
        plan = await desk.begin("phone")
        await desk.ask("stop", plan=plan, reason="another phone is used")
        found, _, incident = desk.records(plan)
        assert found.state is PlanState.REJECTED
        assert found.why_ended == "stopped by anna (uid 1000): another phone is used"
        assert incident.state is not IncidentState.RESOLVED
        with pytest.raises(PlanStale, match="stopped by"):
            await desk.ask("tick", plan=plan)
        assert await desk.begin("phone") != plan


async def test_withdrawn(life):
    """A complaint that was a mistake ends its incident, and the guide that was under way goes stale."""
    async with life() as desk:
        await desk.ask("complain", component="phone", what="it cannot connect")
        plan = await desk.begin("phone")
        await desk.ask("withdraw", component="phone")
        found, _, incident = desk.records(plan)
        assert incident.state is IncidentState.RESOLVED
        assert found.state is PlanState.STALE
        with pytest.raises(UsageError, match="nobody complains"):
            await desk.ask("withdraw", component="phone")


async def test_what_cannot_be_asked(life):
    """Each mistake is told with what would be right."""
    async with life() as desk:
        for args, said in (
            ({"do": "start", "component": "radio"}, "there is no component `radio`"),
            ({"do": "start", "component": "phone"}, "nothing is known to fail"),
            ({"do": "start", "component": "phone", "guide": "x"}, "there is no guide `x`"),
            ({"do": "tick", "plan": "guide-1"}, "there is no guide under way"),
            ({"do": "complain", "component": "folder", "what": "x"}, "looked at by checks alone"),
            ({"do": "dance"}, "nothing that can be done"),
        ):
            with pytest.raises(UsageError, match=said):
                await desk.ask(**args)
        plan = await desk.begin("phone", guide="microphone")
        assert desk.records(plan)[0].incident is None
        for step in (0, 7, "one"):
            with pytest.raises(UsageError, match="has no step"):
                await desk.ask("tick", plan=plan, step=step)


async def test_what_is_noted_holds_no_secret(life):
    """A token in a note is not kept."""
    async with life() as desk:
        plan = await desk.begin("phone", guide="microphone")
        await desk.ask("tick", plan=plan, note="signed in with Bearer abcdef0123456789abcdef0123456789")
        receipt = desk.records(plan)[1][0]
        assert "abcdef0123456789" not in json.dumps([receipt.detail, dict(receipt.output)])
