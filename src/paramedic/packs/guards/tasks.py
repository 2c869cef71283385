"""Kept calls that were given up."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from paramedic.packs.guards import codes
from paramedic.packs.guards.retrying import overdue, waits
from paramedic.packs.guards.seeing import age_s, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

_SHOWN = 10
Letter = Mapping[str, Any]
"""A call that was given up, as a queue shows it; Any: plain JSON values."""


@check(codes.EXHAUSTED, codes.PENDING, of=Guards, timeout_s=5, every_s=5, id="guards.tasks")
async def tasks(target: Guards, context: Context) -> Finding:
    """No kept call was given up, and none waits for longer than it has to.

    Looks at: the queues of failed tasks that the component's processes show, and the declared file of one that no
    process shows: calls that failed in every retry, and calls that have waited for ``pending_s`` (60) while the breaker
    before them, where there is one, lets calls through.
    Why: what was promised to somebody (a delivery, a message, a payment) is not done, and nobody tries any more.
    By hand: ``paramedic tasks list``
    Healed by: retry-failed-tasks makes calls that wait, once the checks of what they need pass; what was given up is
    for a person: each call is tried again with ``paramedic tasks revive ID``, or dropped with ``discard ID``
    """
    shown = await seen(target, context, "tasks")
    letters: list[Letter] = [each for guard in shown for each in guard.shows["dead_letters"]]
    count = sum(guard.shows["dead"] for guard in shown)
    waiting = sum(guard.shows["waiting"] for guard in shown)
    is_shown = target.queue is None or any(
        Path(each.shows["file"]).resolve() == target.queue.resolve() for each in shown
    )
    if target.queue is not None and not is_shown:
        try:
            letters = [*letters, *await in_thread(_read, target.queue)]
        except sqlite3.Error as error:
            return context.unknown(f"`{target.queue.name}` cannot be read: {error}")
        count = max(count, len(letters))
    if not count and (late := overdue(shown, context)):
        kept = sum(map(waits, late))
        return context.warning(
            codes.PENDING,
            observed=f"{kept} kept calls wait, the oldest for {age_s(late[0].shows['waiting_since'], context):.0f} s",
            expected="calls that are made once what they need is there",
            because="the time of their next retry was set while it was away",
            hint="`paramedic tasks retry` makes every call that waits due now",
            waiting=float(kept),
        )
    if not count:
        return context.ok(f"no call was given up, {waiting} wait", waiting=float(waiting))
    first = letters[0]
    return context.critical(
        codes.EXHAUSTED,
        observed=f"{count} calls were given up",
        expected="kept calls that succeed when they are tried again",
        because=f"`{first['handler']}` failed {first['runs']} times, last with {first['error']}",
        hint=f"see what it needs, then `paramedic tasks revive {first['id']}` tries it again from the beginning, "
        f"`paramedic tasks discard {first['id']}` drops it",
        evidence=(_evidence(letters),),
        given_up=float(count),
    )


def _evidence(letters: Sequence[Letter]) -> Evidence:
    lines = [f"{each['id']} {each['handler']} since {each['added']}: {each['error']}" for each in letters[:_SHOWN]]
    return Evidence(label="given up", text="\n".join(lines))


def _read(path: Path) -> list[Letter]:
    """What a queue's file holds that no process uses; the file and its neighbours stay as they are."""
    if not path.exists():
        return []
    log = Path(f"{path}-wal")
    # without a log SQLite would make one, unless it is told that nobody writes
    how = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=1)) as db:
        rows = db.execute(
            "SELECT id, handler, runs, error, datetime(added, 'unixepoch') FROM tasks WHERE state = 'dead' "
            "ORDER BY number LIMIT 100"
        ).fetchall()
    return [dict(zip(("id", "handler", "runs", "error", "added"), row, strict=True)) for row in rows]
