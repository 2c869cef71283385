"""What can be wrong with a Neo4j."""

from paramedic.sdk import Code, IssueType

UNAVAILABLE = Code(id="neo4j.unavailable", type=IssueType.DATABASE, summary="nobody listens where Neo4j should")
TIMEOUT = Code(id="neo4j.timeout", type=IssueType.DATABASE, summary="Neo4j accepts a connection and then says nothing")
AUTH_FAILED = Code(
    id="neo4j.auth-failed", type=IssueType.AUTH, summary="Neo4j refuses the user or its password", depth=2
)
DATABASE_MISSING = Code(
    id="neo4j.database-missing", type=IssueType.DATABASE, summary="Neo4j has no database of this name", depth=2
)
DATABASE_OFFLINE = Code(
    id="neo4j.database-offline",
    type=IssueType.DATABASE,
    summary="a database of Neo4j is not in the state that was asked for",
    depth=2,
)
NOT_READY = Code(id="neo4j.not-ready", type=IssueType.DATABASE, summary="Neo4j is there and answers no query", depth=1)
