"""Which MySQL, and as whom it is asked."""

from dataclasses import dataclass
from typing import ClassVar

from paramedic.sdk.server import Port, SharedServer


@dataclass(frozen=True, slots=True, kw_only=True)
class MySQL(SharedServer):
    """A MySQL or MariaDB database."""

    schemes: ClassVar[tuple[str, ...]] = ("mysql", "mariadb")
    standard_port: ClassVar[int] = 3306

    port: Port = 3306
    """Its port, where no `dsn` is given."""
    tls: bool = False
    """Whether to speak TLS and to insist on a certificate that this machine trusts."""
    release_users: tuple[str, ...] = ()
    """Users whose sessions may be ended when they idle in a transaction and the server is full."""
