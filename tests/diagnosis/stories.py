"""Troubles and changes of a small shop, as values."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from paramedic.diagnosis import Dated, Trouble
from paramedic.model.change import Change, ChangeKind
from paramedic.model.code import IssueType
from paramedic.model.service import Service
from paramedic.model.status import Status
from scenery import make_service, part

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONSET_S = 1000.0


def shop() -> Service:
    """An API on a database, a model and its settings; a worker on the database; all of it on one machine."""
    return make_service(
        Path("/nowhere"),
        part("api", "db", "llm", "settings"),
        part("db", kind="sqlite"),
        part("llm"),
        part("settings", kind="config"),
        part("machine", kind="host"),
        part("worker", "db", kind="process"),
    )


def trouble(component: str, code: str, **fields: Any) -> Trouble:
    """One that fails hard and is a symptom by nature, unless told otherwise."""
    defaults = {
        "check": f"{code}-check",
        "type": IssueType.UNKNOWN,
        "status": Status.CRITICAL,
        "depth": 0,
        "onset_s": ONSET_S,
    }
    return Trouble(component=component, code=code, **{**defaults, **fields})


def change(component: str | None, ago_s: float, kind: ChangeKind = ChangeKind.CONFIG, **fields: Any) -> Dated:
    """One that was made so long before the onset."""
    at = NOON - timedelta(seconds=ago_s)
    return Dated(
        change=Change(at=at, kind=kind, component=component, what=f"{component} was changed", **fields),
        at_s=ONSET_S - ago_s,
    )
