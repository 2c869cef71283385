"""The troubles of a name."""

from paramedic.packs.tcp.checks import DNS_UNRESOLVED as UNRESOLVED
from paramedic.sdk import Code, Ending, IssueType

TIMEOUT = Code(
    id="dns.timeout",
    type=IssueType.CONNECTIVITY,
    summary="no name can be looked up: the name server is silent, or there is no way to it",
    depth=2,
)
WRONG_ANSWER = Code(
    id="dns.wrong-answer",
    type=IssueType.CONNECTIVITY,
    summary="the name leads to an address that is not expected",
    depth=2,
)
SLOW = Code(
    id="dns.slow",
    type=IssueType.PERFORMANCE,
    summary="the name resolves, but slowly",
    ending=Ending.ADVISE,
)

__all__ = ["SLOW", "TIMEOUT", "UNRESOLVED", "WRONG_ANSWER"]
