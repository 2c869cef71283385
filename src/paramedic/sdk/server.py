"""What the targets of all database servers have in common: an address, as a DSN or in parts."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval

from paramedic.model.secret import Secret
from paramedic.sdk.dsn import Login, parse

Port = Annotated[int, Interval(ge=1, le=65535)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that is entered with a user and a password; each kind gives its schemes and its standard port."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """No key of the service file: what a dsn of this kind may begin with."""
    standard_port: ClassVar[int] = 0
    """No key of the service file: the port of a dsn that names none."""

    dsn: Secret | None = None
    """Its address with user, password and name of the database; best as `${DATABASE_URL}`."""
    host: str = "127.0.0.1"
    """Its machine, where no `dsn` is given."""
    port: Port | None = None
    """Its port, where no `dsn` is given and it is not the usual one."""
    user: str | None = None
    """The user to enter as, where no `dsn` is given."""
    password: Secret | None = None
    """The user's password, where no `dsn` is given."""

    def __post_init__(self) -> None:
        if self.dsn is not None:
            self.parse(self.dsn)

    def parse(self, dsn: Secret) -> Login:
        """Take a dsn of this kind of server apart.

        Raises:
            ValueError: it is none; the message does not repeat it.
        """
        return parse(dsn.reveal(), schemes=self.schemes, default_port=self.standard_port)

    @property
    def inside(self) -> str | None:
        """The database on the server, where no `dsn` is given."""
        return None

    @property
    def login(self) -> Login:
        """Where and as whom to enter."""
        if self.dsn is not None:
            return self.parse(self.dsn)
        return Login(
            host=self.host,
            port=self.port or self.standard_port,
            user=self.user,
            password=self.password,
            database=self.inside,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedServer(Server):
    """A server of several databases whose connections are limited, so that somebody may use them up."""

    database: str | None = None
    """The name of the database, where no `dsn` is given."""
    admin: Secret | None = None
    """The dsn of a user that may enter when the server is full, end sessions, and make databases; only used for that
    and for backups."""
    replica: bool = False
    """Whether it is a copy of another server and takes no writes."""

    def __post_init__(self) -> None:
        for dsn in (self.dsn, self.admin):
            if dsn is not None:
                self.parse(dsn)

    @property
    def inside(self) -> str | None:
        return self.database

    @property
    def admin_login(self) -> Login:
        """Where and as whom to enter when the server is full."""
        return self.parse(self.admin) if self.admin else self.login
