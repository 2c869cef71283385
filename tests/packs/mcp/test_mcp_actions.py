"""What is done about servers of tools: waited for, written down, spoken to in another revision, called."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from packs.mcp.conftest import FINE, LINES, Running, answering
from paramedic.model.clock import SystemClock
from paramedic.model.component import ProcessSpec
from paramedic.packs.mcp import actions, pack
from paramedic.packs.mcp.talk import Seen
from paramedic.packs.mcp.target import Mcp, Revision
from paramedic.packs.mcp.trouble import NoTalk, Why
from paramedic.sdk import ActionFailed, DidIt

ACTIONS = {each.id: each.action for each in pack.actions}
RECONNECT, RECORD = ACTIONS["mcp.reconnect"], ACTIONS["mcp.record"]
SET, CALL = ACTIONS["mcp.set-protocol"], ACTIONS["mcp.call"]
SEEN = Seen(server="s 1", protocol="2025-11-25", tools={}, begin_ms=1.0, latency_ms=1.0, liveness="ping")


class Hurried:
    """A clock whose waits take no time and are noted."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now()

    def monotonic(self) -> float:
        return self._real.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


@contextmanager
def back_at_try(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server that answers from this try on; gives the list of tries."""
    tries: list[str] = []

    async def visit(server: Mcp, _folder: Path, **_more: object) -> Seen:
        tries.append(server.identity)
        await asyncio.sleep(0.01)
        if len(tries) < number:
            raise NoTalk(Why.REFUSED, "connection refused")
        return SEEN

    monkeypatch.setattr("paramedic.packs.mcp.talk.visit", visit)
    yield tries


async def test_reconnecting_takes_its_time(act, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then after 1, 2 and 4 seconds; after that it has failed."""
    clock = Hurried()
    context = act(Mcp(url="http://127.0.0.1:9/mcp"), clock=clock)
    with back_at_try(4, monkeypatch):
        outcome = await RECONNECT.apply(context)
    assert "answers again" in outcome.summary
    assert clock.waits == [0.0, 1.0, 2.0, 4.0]
    with back_at_try(99, monkeypatch) as tries, pytest.raises(ActionFailed, match=r"4 tries: .*refused"):
        await RECONNECT.apply(context)
    assert len(tries) == 4
    assert await RECONNECT.reconcile(context) is DidIt.NO


async def test_many_recoveries_of_one_server_are_one(act, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty ask at once, also as different components: the server is tried once for all of them, another by itself."""
    clock = Hurried()
    with back_at_try(3, monkeypatch) as tries:
        same = [act(Mcp(url="http://127.0.0.1:9/mcp"), clock=clock, name=f"part-{n % 3}") for n in range(20)]
        outcomes = await asyncio.gather(*(RECONNECT.apply(each) for each in same))
        assert len(tries) == 3
        assert len({each.summary for each in outcomes}) == 1
        await RECONNECT.apply(act(Mcp(url="http://127.0.0.1:8/mcp"), clock=clock))
    assert len(tries) == 4
    assert actions._running == {}


async def test_one_that_gives_up_waiting_ends_nobody_elses_recovery(act, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is cancelled leaves the others theirs."""
    with back_at_try(2, monkeypatch):
        first, second = (
            asyncio.create_task(RECONNECT.apply(act(Mcp(url="http://127.0.0.1:9/mcp"), clock=Hurried())))
            for _ in range(2)
        )
        await asyncio.sleep(0.005)
        first.cancel()
        assert "answers again" in (await second).summary


async def test_what_is_restarted_is_not_waited_for(act) -> None:
    """A server that Paramedic starts, or that is a command, is no case for patience."""
    managed = act(Mcp(url="http://127.0.0.1:9/mcp"), process=ProcessSpec(command=("server",)))
    assert "restarted instead" in ((await RECONNECT.preview(managed)).blocked or "")
    assert (await RECONNECT.preview(act(Mcp(command=("server",))))).blocked
    assert (await RECONNECT.preview(act(Mcp(url="http://127.0.0.1:9/mcp")))).blocked is None


async def test_tools_are_written_down_and_taken_back(act, bench, server: Running) -> None:
    """The manifest holds every tool with its digest; undo brings the one before back."""
    context = act(server.target)
    path = bench.folder / "it.tools.json"
    assert "for the first time" in (await RECORD.preview(context)).summary
    outcome = await RECORD.apply(context)
    data = json.loads(path.read_text())
    assert sorted(data["tools"]) == ["count", "find", "ponder", "reserve"]
    assert all(len(each["sha256"]) == 64 for each in data["tools"].values())
    assert "left as it is" in await RECORD.undo(context, outcome.output)
    path.write_text("{}")
    again = await RECORD.apply(context)
    assert "put `it.tools.json` back" in await RECORD.undo(context, again.output)
    assert path.read_text() == "{}"
    with pytest.raises(ActionFailed, match="no dialogue"):
        await RECORD.apply(act(Mcp(url="http://127.0.0.1:9/mcp")))


async def test_another_revision_is_declared(act, bench) -> None:
    """What the server answers with is set in the service file; comments stay, and the way back is open."""
    command = (sys.executable, "-S", "-c", LINES, json.dumps(FINE))
    context = act(Mcp(command=command, protocol=Revision.NOVEMBER_2025), limit_s=30.0)
    file = context.service.path
    before = '# ours\ncomponents:\n  it:\n    kind: mcp\n    protocol: "2025-11-25"  # as agreed\n'
    file.write_text(before)
    assert await SET.reconcile(context) is DidIt.NO
    preview = await SET.preview(context)
    assert (preview.summary, preview.blocked) == ("set `protocol` of `it` to 2025-06-18 in `paramedic.yaml`", None)
    outcome = await SET.apply(context)
    await SET.verify(context, outcome.output)
    assert file.read_text() == before.replace("2025-11-25", "2025-06-18")
    assert await SET.reconcile(context) is DidIt.YES
    assert "back as it was" in await SET.undo(context, outcome.output)
    assert file.read_text() == before
    gone = act(Mcp(url="http://127.0.0.1:9/mcp"))
    assert "no dialogue" in ((await SET.preview(gone)).blocked or "")
    with pytest.raises(ActionFailed, match="no revision `1999`"):
        await SET.apply(act(Mcp(command=command), {"revision": "1999"}))


async def test_a_tool_is_called_on_order(act, server: Running) -> None:
    """Its result is the output; an error of the tool is a result, too; a call is never repeated after a crash."""
    context = act(server.target, {"tool": "find", "arguments": {"title": "rain"}}, limit_s=30.0)
    assert (await CALL.preview(context)).summary == 'call `find` of `it` with {"title": "rain"}'
    outcome = await CALL.apply(context)
    assert "at most 5 books named rain" in outcome.summary
    assert outcome.output["is_error"] is False
    failed = await CALL.apply(act(server.target, {"tool": "find", "arguments": {}}, limit_s=30.0))
    assert failed.output["is_error"] is True
    assert await CALL.reconcile(context) is DidIt.CANNOT_TELL
    with pytest.raises(ActionFailed):
        await CALL.apply(act(Mcp(url="http://127.0.0.1:9/mcp"), {"tool": "a"}))


async def test_what_it_offers(server: Running) -> None:
    """People see its name, its revision and its tools; or why nobody can be asked."""
    from paramedic.model.errors import ParamedicError

    offers = pack.kinds[0].offers
    assert offers is not None
    found = await offers(server.target, Path(), 30.0)
    assert found["server"] == "shelf 1.2"
    assert [each["name"] for each in found["tools"]] == ["count", "find", "ponder", "reserve"]
    with answering(404, b"", "text/plain") as url, pytest.raises(ParamedicError, match="cannot be asked"):
        await offers(Mcp(url=url), Path(), 5.0)
