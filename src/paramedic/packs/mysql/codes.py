"""What can be wrong with a MySQL or MariaDB."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(id="mysql.refused", type=IssueType.DATABASE, summary="nobody listens where the database should")
TIMEOUT = Code(
    id="mysql.timeout", type=IssueType.DATABASE, summary="the server accepts a connection and then says nothing"
)
AUTH_FAILED = Code(
    id="mysql.auth-failed", type=IssueType.AUTH, summary="the server refuses the user or its password", depth=2
)
DATABASE_MISSING = Code(
    id="mysql.database-missing", type=IssueType.DATABASE, summary="the server has no database of this name", depth=2
)
NOT_READY = Code(
    id="mysql.not-ready", type=IssueType.DATABASE, summary="the server is there and lets nobody in yet", depth=1
)
EXHAUSTED = Code(
    id="mysql.connections-exhausted",
    type=IssueType.DATABASE,
    summary="every connection that the server allows is taken",
    depth=2,
)
CONNECTIONS_HIGH = Code(
    id="mysql.connections-high",
    type=IssueType.DATABASE,
    summary="most connections that the server allows are taken",
    ending=Ending.ADVISE,
)
IDLE_IN_TRANSACTION = Code(
    id="mysql.idle-in-transaction",
    type=IssueType.DATABASE,
    summary="a session began a transaction and does nothing",
    ending=Ending.ADVISE,
)
BLOCKED = Code(
    id="mysql.blocked",
    type=IssueType.DATABASE,
    summary="a session has waited long for a lock that another one holds",
    ending=Ending.ADVISE,
)
SLOW_QUERIES = Code(
    id="mysql.slow-queries",
    type=IssueType.PERFORMANCE,
    summary="statements take long",
    ending=Ending.ADVISE,
)
READ_ONLY = Code(id="mysql.read-only", type=IssueType.DATABASE, summary="the database takes no writes", depth=2)
REPLICATION_LAG = Code(
    id="mysql.replication-lag",
    type=IssueType.DATABASE,
    summary="a replica is behind its primary",
    ending=Ending.ADVISE,
)
LARGE = Code(
    id="mysql.large",
    type=IssueType.RESOURCE,
    summary="the database is larger than the service file allows",
    ending=Ending.ADVISE,
)
