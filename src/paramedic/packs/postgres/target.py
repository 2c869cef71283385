"""Which PostgreSQL, and as whom it is asked."""

from dataclasses import dataclass
from typing import ClassVar

from paramedic.sdk.server import Port, SharedServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres(SharedServer):
    """A PostgreSQL database."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")
    standard_port: ClassVar[int] = 5432

    port: Port = 5432
    """Its port, where no `dsn` is given."""
    release_roles: tuple[str, ...] = ()
    """Roles whose sessions may be ended when they idle in a transaction and the server is full."""
