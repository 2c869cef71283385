"""Letting a bot connect again, and leaving a server alone."""

import sys

import pytest

from paramedic.packs.discord.actions import Reconnect
from paramedic.packs.http.actions import WaitRetryAfter
from paramedic.packs.http.target import Http
from paramedic.sdk import ActionFailed, DidIt, Finding, ProcessSpec, Status

RECONNECT, WAIT = Reconnect.action, WaitRetryAfter.action


async def test_its_own_command_is_run(act, platform, tmp_path):
    """In the folder of its process, or of the service file."""
    command = (sys.executable, "-c", "open('again', 'w').close()")
    context = act(platform.bot(reconnect=command), process=ProcessSpec(command=("x",), cwd=tmp_path))
    assert (await RECONNECT.preview(context)).blocked is None
    assert sys.executable in (await RECONNECT.apply(context)).summary
    assert (tmp_path / "again").exists()
    assert await RECONNECT.reconcile(context) is DidIt.NO
    (tmp_path / "again").unlink()
    await RECONNECT.apply(act(platform.bot(reconnect=command)))
    assert (tmp_path / "again").exists()


async def test_without_a_command_nothing_can_be_done(act, platform):
    """The plan is blocked, and the act refuses."""
    context = act(platform.bot())
    assert "reconnect" in (await RECONNECT.preview(context)).blocked
    with pytest.raises(ActionFailed, match="declares no command"):
        await RECONNECT.apply(context)


async def test_a_command_that_fails(act, platform):
    """With its last words."""
    bot = platform.bot(reconnect=(sys.executable, "-c", "raise SystemExit('no such shard')"))
    with pytest.raises(ActionFailed, match="no such shard"):
        await RECONNECT.apply(act(bot))


def limited(wait_s: float):
    """A look that says how long to wait."""

    async def look(component: str, _checks=()) -> tuple[Finding, ...]:
        return (
            Finding(
                component=component,
                kind="http",
                check="http.answers",
                status=Status.WARNING,
                code="http.rate-limited",
                observed="429",
                measures={"retry_after_s": wait_s},
            ),
        )

    return look


async def test_as_long_as_it_asks(act, bench, monkeypatch):
    """It waits once where the time of a step is enough, in several tries where it is not, and not at all in vain."""
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(type(bench.clock), "sleep", lambda _self, seconds: sleep(seconds))
    server = Http(url="http://127.0.0.1:1")
    outcome = await WAIT.apply(act(server, look=limited(60), limit_s=120))
    assert slept == [60]
    assert "60 s" in outcome.summary
    with pytest.raises(ActionFailed, match="another 31 s"):
        await WAIT.apply(act(server, look=limited(60), limit_s=30))
    assert slept == [60, 29]
    with pytest.raises(ActionFailed, match="longer than a recovery may take"):
        await WAIT.apply(act(server, look=limited(3600), limit_s=120))
    assert len(slept) == 2
    assert await WAIT.reconcile(act(server)) is DidIt.NO
    assert "leave `it` alone" in (await WAIT.preview(act(server))).summary


async def test_nothing_to_wait_for(act):
    """A server that no longer limits anybody is not waited for."""
    assert "0 s" in (await WAIT.apply(act(Http(url="http://127.0.0.1:1")))).summary
