"""The troubles of an HTTP server."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(
    id="http.refused",
    type=IssueType.CONNECTIVITY,
    summary="no connection can be made: the port is closed, or there is no way to the machine",
)
TIMEOUT = Code(
    id="http.timeout",
    type=IssueType.OUTAGE,
    summary="the server does not answer in time: it hangs, or is overloaded",
    instant=True,
)
STATUS = Code(
    id="http.status",
    type=IssueType.OUTAGE,
    summary="the server answers with a status that is not the expected one",
)
AUTH = Code(
    id="http.auth",
    type=IssueType.AUTH,
    summary="the server refuses for identity or permission",
)
RATE_LIMITED = Code(
    id="http.rate-limited",
    type=IssueType.CONNECTIVITY,
    summary="the server asks to be called less often",
)
BODY = Code(
    id="http.body",
    type=IssueType.OUTAGE,
    summary="the status is healthy, but the body is not the expected one",
)
HEADER = Code(
    id="http.header",
    type=IssueType.OUTAGE,
    summary="the status is healthy, but a header is not the expected one",
)
DOWNGRADE = Code(
    id="http.downgrade",
    type=IssueType.SECURITY,
    summary="a redirect leads from https to http, where everybody on the way can read along",
)
ENDPOINT = Code(
    id="http.endpoint-failed",
    type=IssueType.OUTAGE,
    summary="an operation that the server itself describes answers with an error",
)
UNDESCRIBED = Code(
    id="http.openapi-unreadable",
    type=IssueType.CONFIG,
    summary="the description of the server's API is not where it should be, or is none",
    ending=Ending.ADVISE,
)
SLOW = Code(
    id="http.slow",
    type=IssueType.PERFORMANCE,
    summary="answers are correct, but slower than they may be",
    ending=Ending.ADVISE,
)
ERROR_RATE = Code(
    id="http.error-rate",
    type=IssueType.OUTAGE,
    summary="a part of the requests fails",
)
POOL = Code(
    id="pool.exhausted",
    type=IssueType.PERFORMANCE,
    summary="every connection of the server's own pool is lent, and none comes back",
)
PROTOCOL = Code(
    id="http.protocol",
    type=IssueType.OUTAGE,
    summary="what comes back is not HTTP, or breaks off",
)
TLS = Code(
    id="http.tls",
    type=IssueType.CONNECTIVITY,
    summary="the certificate is not trusted, or no common version of TLS is found",
)
