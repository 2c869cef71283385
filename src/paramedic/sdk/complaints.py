"""What people say about a component that no check can see from here; kept in a file until somebody has seen to it."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from paramedic.sdk.files import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One complaint about one component; a later one takes its place."""

    what: str
    """What is wrong, in the words of whoever told it."""
    by: str
    at: datetime


def complaint(state_dir: Path, component: str) -> Complaint | None:
    """The open complaint about a component."""
    try:
        data = json.loads(_place(state_dir, component).read_bytes())
        at = datetime.fromisoformat(data["at"])
        return Complaint(what=str(data["what"]), by=str(data["by"]), at=at)
    except FileNotFoundError:
        return None


def complain(state_dir: Path, component: str, complaint: Complaint) -> None:
    """Keep a complaint until it is withdrawn."""
    place = _place(state_dir, component)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = {"what": complaint.what, "by": complaint.by, "at": complaint.at.isoformat()}
    write_whole(place, json.dumps(body).encode(), mode=0o600)


def withdraw(state_dir: Path, component: str) -> bool:
    """End a complaint; whether there was one."""
    try:
        _place(state_dir, component).unlink()
    except FileNotFoundError:
        return False
    return True


def _place(state_dir: Path, component: str) -> Path:
    return state_dir / "complaints" / f"{component}.json"
