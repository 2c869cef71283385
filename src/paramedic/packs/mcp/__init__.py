"""Servers of tools over the Model Context Protocol, by HTTP or as a command."""

from paramedic.packs.mcp.actions import Reconnect, Record, SetProtocol
from paramedic.packs.mcp.checks import answers, runs, starts
from paramedic.packs.mcp.offering import Call, offers
from paramedic.packs.mcp.target import Mcp
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="mcp",
    kinds=(
        Kind(
            name="mcp",
            summary="a server of tools over the Model Context Protocol, by HTTP or as a command",
            target=Mcp,
            address=lambda server: server.address,
            offers=offers,
        ),
    ),
    checks=(answers, starts, runs),
    actions=(Reconnect, Record, SetProtocol, Call),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
