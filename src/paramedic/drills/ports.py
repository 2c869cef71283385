"""Ports of this machine for patients and guests."""

import random
import socket

_LOWEST, _HIGHEST = 20_000, 32_000
"""Below the range from which outgoing connections take theirs: a port must stay free while its part is down."""


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody holds now, all different."""
    found: list[int] = []
    for port in random.sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError(f"fewer than {count} ports are free between {_LOWEST} and {_HIGHEST}")
