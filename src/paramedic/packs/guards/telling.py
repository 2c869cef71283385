"""What guards did, for the story of an incident, and what people did to them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from paramedic.guard.outside import BY_AN_OPERATOR, processes
from paramedic.model.change import Change, ChangeKind
from paramedic.model.happening import Happening
from paramedic.packs.guards.breakers import protected
from paramedic.packs.guards.ordering import target_of
from paramedic.packs.guards.seeing import is_at_home, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import Context

_TOO_MUCH = ("half_opened", "breach", "kept", "folded", "rejected")
"""What happens by the dozen and says nothing that the rest does not."""


async def tells(context: Context, since: datetime) -> tuple[Happening, ...]:
    """Breakers that opened and closed, budgets that ran out, flags that were switched; oldest first."""
    found = [
        Happening(
            at=at,
            what=guard.kind,
            text=_words(event, guard.where),
            about=protected(guard, context) if guard.kind == "breaker" else (),
        )
        for guard in await seen(target_of(context), context)
        for event in guard.events()
        if (at := datetime.fromisoformat(event["at"])) >= since and event["kind"] not in _TOO_MUCH
    ]
    return tuple(sorted(found, key=lambda each: each.at))


def changed(target: Guards, since: datetime, home: Path) -> tuple[Change, ...]:
    """Flags that somebody switched and breakers that a person opened, in the processes of this service.

    Files do not tell of which component a process is: where that matters, nothing is told, so that none is blamed for
    what was switched in another; the story of an incident tells of it all the same.
    """
    if target.of:
        return ()
    return tuple(
        Change(
            at=at,
            kind=ChangeKind.FLAG,
            component=None,
            what=_words(event, f"{event['guard']} `{event['name']}` of pid {process.pid}"),
        )
        for process in processes(target.folder, tidy=False)
        if is_at_home(process, target, home)
        for event in process.events
        if _is_by_people(event) and (at := datetime.fromisoformat(event["at"])) >= since
    )


def untold(target: Guards) -> str:
    """Why nothing is told of these guards."""
    if not target.of:
        return ""
    names = ", ".join(f"`{each}`" for each in target.of)
    return (
        f"what was switched inside the processes of {names}, because the files do not tell them from others; orders "
        f"that paramedic carried out are listed, and the timeline of an incident tells the rest"
    )


def _is_by_people(event: Mapping[str, Any]) -> bool:  # Any: plain JSON values
    return event["kind"] == "overridden" or str(event["because"]).startswith(BY_AN_OPERATOR)


def _words(event: Mapping[str, Any], where: str) -> str:
    because = f": {event['because']}" if event["because"] else ""
    return f"{where} {event['kind'].replace('_', ' ')}{because}"
