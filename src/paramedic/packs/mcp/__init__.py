"""Servers of tools over the Model Context Protocol, by HTTP or as a command."""

from paramedic.packs.mcp.actions import Reconnect, Record, SetProtocol
from paramedic.packs.mcp.checks import answers, runs, starts
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
        ),
    ),
    checks=(answers, starts, runs),
    actions=(Reconnect, Record, SetProtocol),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
