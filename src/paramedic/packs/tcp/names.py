"""Names for aiohttp, looked up where a hung resolver holds up nobody."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from paramedic.packs.tcp.resolve import Unresolved, addresses

_LIMIT_S = 30.0
"""Whoever asks has less time and gives up sooner."""


class Names(AbstractResolver):
    """Resolves on threads of their own."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002  # any family is asked for
    ) -> list[ResolveResult]:
        try:
            found = await addresses(host, port, _LIMIT_S)
        except Unresolved as unresolved:
            raise OSError(str(unresolved)) from None
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
