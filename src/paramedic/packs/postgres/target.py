"""Which PostgreSQL, and as whom it is asked."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from paramedic.sdk import Secret
from paramedic.sdk.dsn import Login, parse

_SCHEMES = ("postgresql", "postgres")
_PORT = 5432


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL database."""

    dsn: Secret | None = None
    """Its address with user, password and name of the database; best as `${DATABASE_URL}`."""
    host: str = "127.0.0.1"
    """Its machine, where no `dsn` is given."""
    port: Annotated[int, Interval(ge=1, le=65535)] = _PORT
    """Its port, where no `dsn` is given."""
    user: str | None = None
    """The role to enter as, where no `dsn` is given."""
    password: Secret | None = None
    """The role's password, where no `dsn` is given."""
    database: str | None = None
    """The name of the database, where no `dsn` is given."""
    admin: Secret | None = None
    """The dsn of a role that may enter when the server is full and may end sessions; only used for that."""
    release_roles: tuple[str, ...] = ()
    """Roles whose sessions may be ended when they idle in a transaction and the server is full."""
    replica: bool = False
    """Whether it is a standby that takes no writes."""

    def __post_init__(self) -> None:
        for dsn in (self.dsn, self.admin):
            if dsn is not None:
                parse(dsn.reveal(), schemes=_SCHEMES, default_port=_PORT)

    @property
    def login(self) -> Login:
        """Where and as whom to enter."""
        if self.dsn is not None:
            return parse(self.dsn.reveal(), schemes=_SCHEMES, default_port=_PORT)
        return Login(host=self.host, port=self.port, user=self.user, password=self.password, database=self.database)

    @property
    def admin_login(self) -> Login:
        """Where and as whom to enter when the server is full."""
        return parse(self.admin.reveal(), schemes=_SCHEMES, default_port=_PORT) if self.admin else self.login
