"""Findings for servers that nobody gets through to, the same for everything that is reached over TCP and TLS."""

from paramedic.packs.tcp.remedy import how_to_start, who_listens
from paramedic.sdk import Code, Context, Finding


def no_connection(
    code: Code, address: tuple[str, int], said: str, context: Context, *, what: str = "server", field: str = "url"
) -> Finding:
    """No connection could be made.

    Args:
        code: of the kind that looks.
        address: host and port.
        said: what the system said.
        context: of this look.
        what: should listen there.
        field: of the service file that holds the address.
    """
    host, port = address
    return context.critical(
        code,
        observed=f"no connection to `{host}:{port}` can be made",
        expected=f"a listening {what}",
        because=f"the system said: {said}",
        hint=f"{how_to_start(context.component)}, or correct `{field}`; {who_listens(port)} shows who listens",
    )


def no_trust(code: Code, address: tuple[str, int], said: str, context: Context, *, hint: str | None = None) -> Finding:
    """The handshake of TLS failed; ``hint`` where more is known than that."""
    host, port = address
    return context.critical(
        code,
        observed=f"no trusted connection to `{host}:{port}`",
        expected="a valid certificate and a common version of TLS",
        because=f"the handshake of TLS failed: {said}",
        hint=hint
        or f"look at it with `openssl s_client -connect {host}:{port} -servername {host}`; renew the certificate, or "
        "set `verify_tls: false` where a self-signed one is meant",
    )
