"""Which Redis, and as whom it is asked."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from paramedic.sdk.server import Port, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis(Server):
    """A Redis or Valkey server."""

    schemes: ClassVar[tuple[str, ...]] = ("redis", "rediss", "valkey", "valkeys")
    standard_port: ClassVar[int] = 6379

    port: Port = 6379
    """Its port, where no `dsn` is given."""
    database: Annotated[int, Ge(0)] = 0
    """The number of the database, where no `dsn` is given."""
    replica: bool = False
    """Whether it is a copy of another server and takes no writes."""

    def __post_init__(self) -> None:
        number = self.login.database or "0"
        if not number.isdecimal():
            raise ValueError("the dsn ends with a name, where Redis has numbered databases such as /0")

    @property
    def inside(self) -> str | None:
        return str(self.database)
