"""Neo4j graph databases: open to the service, with every database online."""

from paramedic.packs.neo4j.checks import accepts_queries, databases
from paramedic.packs.neo4j.target import Neo4j
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="neo4j",
    kinds=(
        Kind(
            name="neo4j",
            summary="a Neo4j graph database, or another that speaks Bolt",
            target=Neo4j,
            address=lambda graph: (graph.login.host, graph.login.port),
        ),
    ),
    checks=(accepts_queries, databases),
)
