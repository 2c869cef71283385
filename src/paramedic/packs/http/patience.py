"""A server that asks to be left alone for a while is left alone, also by the next process of Paramedic."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from paramedic.packs.http.codes import RATE_LIMITED
from paramedic.sdk import Context, Finding
from paramedic.sdk.files import write_whole

_NOT_SAID_S = 60.0
_LONGEST_S = 86_400.0
_UNTIL, _ASKED, _READ = "ask again at", "asked to wait", "what was asked before is known"


def asked_to_wait_s(retry_after: str, now: datetime) -> float:
    """The seconds that a ``Retry-After`` asks for: a number or a date (RFC 9110, 10.2.3), at most a day."""
    if retry_after.isdecimal() and len(retry_after) < 10:
        return min(float(retry_after), _LONGEST_S)
    try:
        wait_s = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return _NOT_SAID_S
    return min(max(1.0, wait_s), _LONGEST_S)


def keep_away(found: Finding, context: Context) -> None:
    """Remember what a rate-limited finding asked for."""
    now, wait_s = context.clock.monotonic(), found.measures["retry_after_s"]
    context.memory[_UNTIL] = (now, now + wait_s)
    context.memory[_ASKED] = found
    context.memory[_READ] = True
    if context.service.settings.state_dir.is_dir():  # a lone check leaves nothing behind
        at = context.clock.now()
        said = {"at": at.isoformat(), "until": (at + timedelta(seconds=wait_s)).isoformat()}
        with suppress(OSError):  # then only this process knows
            _place(context).parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(_place(context), json.dumps(said).encode(), mode=0o600)


def still_waiting(context: Context) -> Finding | None:
    """The earlier finding, while the time that the server asked for is not over; a new process of its own ends it."""
    if not context.memory.get(_READ):
        _recall(context)
    times, found = context.memory.get(_UNTIL), context.memory.get(_ASKED)
    if not isinstance(times, tuple) or not isinstance(found, Finding):
        return None
    asked_at, until = times
    now = context.clock.monotonic()
    uptime_s = context.processes.facts(context.component).uptime_s
    if now >= until or (uptime_s is not None and now - uptime_s > asked_at):
        context.memory.pop(_UNTIL)
        return None
    left = f"not asked again for another {until - now:.0f} s, as the server asked"
    return replace(found, observed=f"{found.observed}; {left}", measures={"retry_after_s": until - now})


def _recall(context: Context) -> None:
    """What an earlier process was asked for, where its time is not over."""
    context.memory[_READ] = True
    try:
        said = json.loads(_place(context).read_bytes())
        at, until = datetime.fromisoformat(said["at"]), datetime.fromisoformat(said["until"])
        ago_s = (context.clock.now() - at).total_seconds()
        left_s = (until - at).total_seconds() - ago_s
    except (OSError, ValueError, KeyError, TypeError):
        return
    if ago_s < 0 or left_s <= 0:  # over, or the clock was set back
        return
    now = context.clock.monotonic()
    context.memory[_UNTIL] = (now - ago_s, now + left_s)
    context.memory[_ASKED] = context.warning(
        RATE_LIMITED,
        observed="the server asked to be called less often",
        expected="an answer",
        because=f"it said so {ago_s:.0f} s ago",
        hint="let the service call it less often, or raise its limit",
    )


def _place(context: Context) -> Path:
    name = f"{context.component.name}.{context.check}.json"
    return context.service.settings.state_dir / "patience" / name
