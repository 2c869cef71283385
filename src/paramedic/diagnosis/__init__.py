"""From troubles to a cause: pure functions over values, without I/O and without a clock."""

from paramedic.diagnosis.classify import classify, severity_of
from paramedic.diagnosis.correlate import (
    FLAPPING,
    explained_by_a_stop,
    explains,
    is_host,
    is_one_story,
    is_with_people,
    takes,
)
from paramedic.diagnosis.rank import rank_suspects
from paramedic.diagnosis.trouble import Trouble

__all__ = [
    "FLAPPING",
    "Trouble",
    "classify",
    "explained_by_a_stop",
    "explains",
    "is_host",
    "is_one_story",
    "is_with_people",
    "rank_suspects",
    "severity_of",
    "takes",
]
