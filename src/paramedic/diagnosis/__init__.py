"""From troubles to a cause: pure functions over values, without I/O and without a clock."""

from paramedic.diagnosis.classify import classify, severity_of
from paramedic.diagnosis.correlate import belongs_together, explained_by_a_stop
from paramedic.diagnosis.rank import Trouble, rank_suspects

__all__ = ["Trouble", "belongs_together", "classify", "explained_by_a_stop", "rank_suspects", "severity_of"]
