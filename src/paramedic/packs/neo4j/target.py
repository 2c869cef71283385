"""Which Neo4j, and as whom it is asked."""

from dataclasses import dataclass
from typing import ClassVar

from paramedic.sdk.server import Port, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Neo4j(Server):
    """A Neo4j graph database."""

    schemes: ClassVar[tuple[str, ...]] = ("neo4j", "bolt")
    standard_port: ClassVar[int] = 7687

    port: Port = 7687
    """Its port for Bolt, where no `dsn` is given."""
    database: str | None = None
    """The name of the database, where no `dsn` is given; the user's home database by default."""

    @property
    def inside(self) -> str | None:
        return self.database

    @property
    def uri(self) -> str:
        """The address of the server itself, without routing to its cluster; encrypted where the dsn says so."""
        _, plus, how = self.login.scheme.partition("+")
        return f"bolt{plus}{how}://{self.login.place}"
