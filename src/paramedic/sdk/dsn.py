"""The address of a database server, as a DSN or in parts."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from paramedic.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where a server listens and as whom to enter."""

    host: str
    port: int
    user: str | None = None
    password: Secret | None = None
    database: str | None = None
    scheme: str = ""
    """The scheme of the dsn as it stands there, such as ``bolt+s``; empty where none was given."""

    @property
    def place(self) -> str:
        """The address for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(dsn: str, *, schemes: Collection[str], default_port: int) -> Login:
    """Take a DSN such as ``postgresql://user:password@host:5432/name`` apart; drivers in the scheme are ignored.

    Raises:
        ValueError: it is none, or of another kind of server. The message does not repeat it.
    """
    try:
        parts = urlsplit(dsn)
        scheme, port = parts.scheme.partition("+")[0], parts.port
    except ValueError:
        raise ValueError(f"the dsn is no address such as {min(schemes)}://user@127.0.0.1:{default_port}/name") from None
    if scheme not in schemes or not parts.hostname:
        raise ValueError(f"the dsn is no address such as {min(schemes)}://user@127.0.0.1:{default_port}/name")
    return Login(
        host=parts.hostname,
        port=port or default_port,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        database=unquote(parts.path.removeprefix("/")) or None,
        scheme=parts.scheme,
    )
