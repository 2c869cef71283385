"""The catalogue of drills, as values."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files

from paramedic.model.code import IssueType
from paramedic.model.wire import load


class Ends(StrEnum):
    """How a drill must end."""

    HEAL = "heal"
    APPROVE = "approve"
    ESCALATE = "escalate"
    ADVISE = "advise"
    CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What must come of one fault."""

    id: str
    ends: Ends
    group: str = ""
    """The described system from which the scenario comes."""
    type: IssueType | None = None
    code: str | None = None
    """The trouble that must be named first."""
    component: str | None = None
    """The part that must be named first."""
    playbook: str | None = None
    """The plan that must heal it."""
    exit: int = 0
    """Of ``paramedic check``, for advice."""
    for_s: float = 0.0
    """How long a control watches."""
    acts: bool = False
    """Whether attempts are made before people are called."""
    herrings: tuple[str, ...] = ()
    """Codes of the noise around the cause: each must be told, as a symptom of it or as another story, and none may be
    acted upon."""
    within_s: float = 45.0
    """How long the ending may take."""


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Drill]:
    """Every shipped drill by its id, in the order of the file."""
    drills = read_drills((files("paramedic.drills") / "catalogue.yaml").read_text())
    return {drill.id: drill for drill in drills}


def read_drills(text: str) -> list[Drill]:
    """The drills of a file such as ``catalogue.yaml``.

    Raises:
        ValueError: it is no list of drills.
    """
    from ruamel.yaml import YAML

    document = YAML(typ="safe", pure=True).load(text)
    if not isinstance(document, dict) or not isinstance(document.get("drills"), list):
        raise ValueError("a file of drills holds a list `drills`")  # noqa: TRY004  # the file is wrong, not a caller
    return [load(Drill, entry) for entry in document["drills"]]
