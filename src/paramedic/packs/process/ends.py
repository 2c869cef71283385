"""Does a process end again and again, each time restarted and well?"""

from datetime import datetime

from paramedic.packs.process import words
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, ProcessSpec, check

RESTARTS = Code(
    id="process.restarts",
    type=IssueType.OUTAGE,
    summary="the process ended often within the last hour, though each time it was brought back",
    ending=Ending.ADVISE,
)
_NAMED = 10


@check(RESTARTS, of=ProcessSpec, timeout_s=5, every_s=10)
async def restarts(spec: ProcessSpec, context: Context) -> Finding:
    """The process does not end again and again.

    Looks at: ends that nobody asked for, of processes that Paramedic started; warning from ``restarts`` (5) within
    ``restarts_window_s`` (an hour). Restarts that people or plans order never count, nor do ends of which nobody knows
    how they came, such as those of a process that somebody else manages. The crash loop, ends within seconds, is
    another trouble and found at once.
    Why: each restart heals, so that nobody looks for the cause, and each one loses what was under way.
    By hand: ``paramedic incidents``; ``paramedic receipts``; the component's log around each end
    Healed by: nothing automatic; it is restarted already, and the cause is for people to find.
    """
    del spec
    now = context.clock.monotonic()
    known = context.memory.setdefault("ends", {})
    assert isinstance(known, dict)
    ends: dict[datetime, tuple[float, str]] = known
    for each in context.processes.facts(context.component).exits:
        if each.code is not None:
            ends[each.at] = now - each.age_s, f"{each.in_words} after {words.spell(each.uptime_s)}"
    over_s = context.threshold("restarts_window_s", 3600)
    for at in [at for at, (moment, _) in ends.items() if now - moment > over_s]:
        del ends[at]
    limit = context.threshold("restarts", 5)
    if len(ends) < limit:
        return context.ok(f"it ended {len(ends)} times within {words.spell(over_s)}", restarts=len(ends))
    name = context.component.name
    newest = sorted(ends, reverse=True)[:_NAMED]
    rows = [f"{at:%H:%M:%S} UTC  {ends[at][1]}" for at in newest]
    return context.warning(
        RESTARTS,
        observed=f"it ended {len(ends)} times within {words.spell(over_s)}; the last time it {ends[newest[0]][1]}",
        expected=f"fewer than {limit:g} times",
        because="restarts bring it back and hide the cause",
        hint=f"look for what these ends have in common: `paramedic incidents`, and the log of `{name}`",
        evidence=(Evidence(label="ends", text="\n".join(rows)),),
        restarts=len(ends),
    )
