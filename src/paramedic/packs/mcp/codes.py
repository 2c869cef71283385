"""The troubles of a server of tools."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(id="mcp.refused", type=IssueType.CONNECTIVITY, summary="nobody listens where the server should")
EXITED = Code(
    id="mcp.exited",
    type=IssueType.CONNECTIVITY,
    summary="the server's process ended, or cannot be started",
    depth=1,
)
TIMEOUT = Code(
    id="mcp.timeout", type=IssueType.CONNECTIVITY, summary="the server takes requests and does not answer them"
)
PROTOCOL = Code(
    id="mcp.protocol-error",
    type=IssueType.CONNECTIVITY,
    summary="what the server sends is no message of the protocol",
    depth=2,
)
VERSION = Code(
    id="mcp.version-mismatch",
    type=IssueType.CONFIG,
    summary="the server does not speak the revision of the protocol that is asked of it",
    depth=3,
)
TOOLS_CHANGED = Code(
    id="mcp.tools-changed",
    type=IssueType.QUALITY,
    summary="tools are missing or take other arguments than when they were recorded",
    depth=2,
)
FAILED = Code(id="mcp.failed", type=IssueType.OUTAGE, summary="the server answers its own protocol with an error")
AUTH = Code(id="mcp.auth-failed", type=IssueType.AUTH, summary="the server refuses for identity or permission", depth=2)
TLS = Code(
    id="mcp.tls",
    type=IssueType.CONNECTIVITY,
    summary="the certificate is not trusted, or no common version of TLS is found",
    depth=2,
)
SLOW = Code(
    id="mcp.slow",
    type=IssueType.PERFORMANCE,
    summary="the server takes long to answer although it has nothing to do",
    ending=Ending.ADVISE,
)
