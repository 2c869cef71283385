"""What can be wrong with a Redis."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(id="redis.refused", type=IssueType.CONNECTIVITY, summary="nobody listens where Redis should")
TIMEOUT = Code(
    id="redis.timeout", type=IssueType.CONNECTIVITY, summary="Redis accepts a connection and then says nothing"
)
AUTH_FAILED = Code(
    id="redis.auth-failed", type=IssueType.AUTH, summary="Redis refuses the user or its password", depth=2
)
LOADING = Code(
    id="redis.loading", type=IssueType.DATABASE, summary="Redis reads its data from disk and serves nobody yet", depth=1
)
NOT_READY = Code(id="redis.not-ready", type=IssueType.DATABASE, summary="Redis is there and lets nobody in", depth=1)
EXHAUSTED = Code(
    id="redis.connections-exhausted",
    type=IssueType.DATABASE,
    summary="every connection that Redis allows is taken",
    depth=2,
)
LATENCY = Code(
    id="redis.latency", type=IssueType.PERFORMANCE, summary="Redis takes long to answer a ping", ending=Ending.ADVISE
)
MEMORY = Code(
    id="redis.memory",
    type=IssueType.RESOURCE,
    summary="Redis has no memory left for more, or throws keys away to get some",
    ending=Ending.ADVISE,
    depth=2,
)
PERSISTENCE = Code(id="redis.persistence", type=IssueType.DATABASE, summary="Redis cannot save what it holds", depth=2)
READ_ONLY = Code(id="redis.read-only", type=IssueType.DATABASE, summary="Redis takes no writes", depth=2)
LINK_DOWN = Code(
    id="redis.replica-link-down",
    type=IssueType.DATABASE,
    summary="a replica hears nothing from its primary",
    ending=Ending.ADVISE,
)
