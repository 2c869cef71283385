"""Ending idle sessions on a real server."""

import psycopg
import pytest

from paramedic.packs.postgres.actions import ReleaseIdle
from paramedic.packs.postgres.checks import accepts_queries
from paramedic.sdk import ActionFailed, DidIt, Status

SOON = {"idle_in_transaction_s": 0.05}


async def test_a_full_server_has_room_again(look, act, target, enter, server):
    """Sessions of the named roles that idle in a transaction are ended; others stay."""
    server.execute("DROP ROLE IF EXISTS other; CREATE ROLE other LOGIN")
    stays = enter("other")
    stays.execute("SELECT 1")
    idle = [enter() for _ in range(8)]
    for each in idle:
        each.execute("SELECT 1")
    database = target(release_roles=("app",))
    [found] = await look(accepts_queries, database)
    assert found.code == "postgres.connections-exhausted"
    context = act(database, thresholds=SOON)
    server.execute("SELECT pg_sleep(0.1)")
    preview = await ReleaseIdle.action.preview(context)
    assert preview.blocked is None
    assert preview.summary == "end 8 sessions of `app` that idle in a transaction"
    assert await ReleaseIdle.action.reconcile(context) is DidIt.NO
    outcome = await ReleaseIdle.action.apply(context)
    assert outcome.summary.startswith("ended 8 of 8")
    [found] = await look(accepts_queries, database)
    assert found.status is Status.OK
    assert stays.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        idle[0].execute("SELECT 1")
    assert await ReleaseIdle.action.reconcile(context) is DidIt.YES  # whoever was to be ended is gone


async def test_nobody_named_nobody_ended(act, target, enter):
    """Without `release_roles` the plan is blocked and says what is missing."""
    enter().execute("SELECT 1")
    context = act(target(), thresholds=SOON)
    preview = await ReleaseIdle.action.preview(context)
    assert "release_roles" in (preview.blocked or "")
    with pytest.raises(ActionFailed, match="release_roles"):
        await ReleaseIdle.action.apply(context)


async def test_a_session_that_works_is_left_alone(act, target, enter):
    """Idle outside a transaction, or not for long enough: nothing to end."""
    enter(autocommit=True).execute("SELECT 1")
    enter().execute("SELECT 1")
    preview = await ReleaseIdle.action.preview(act(target(release_roles=("app",))))
    assert "no session" in (preview.blocked or "")
