"""From troubles to a cause: pure functions over values, without a clock."""

from paramedic.diagnosis.changes import SUSPECT, Dated, proven, told_once
from paramedic.diagnosis.classify import classify, severity_of
from paramedic.diagnosis.correlate import (
    FLAPPING,
    explained_by_a_stop,
    explains,
    is_host,
    is_one_story,
    is_with_people,
    stories,
    takes,
)
from paramedic.diagnosis.diagnose import Diagnosis, diagnose, related
from paramedic.diagnosis.rank import rank_suspects
from paramedic.diagnosis.sight import Sight, sight
from paramedic.diagnosis.trouble import Trouble
from paramedic.diagnosis.weighing import Weighing, shipped

__all__ = [
    "FLAPPING",
    "SUSPECT",
    "Dated",
    "Diagnosis",
    "Sight",
    "Trouble",
    "Weighing",
    "classify",
    "diagnose",
    "explained_by_a_stop",
    "explains",
    "is_host",
    "is_one_story",
    "is_with_people",
    "proven",
    "rank_suspects",
    "related",
    "severity_of",
    "shipped",
    "sight",
    "stories",
    "takes",
    "told_once",
]
