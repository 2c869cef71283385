"""A bot on Discord: its token, its rights, its gateway, and whether it answers."""

from paramedic.packs.discord.actions import Reconnect
from paramedic.packs.discord.checks import may_work, stays_connected
from paramedic.packs.discord.target import Discord
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="discord",
    kinds=(
        Kind(
            name="discord",
            summary="a bot on Discord",
            target=Discord,
        ),
    ),
    checks=(may_work, stays_connected),
    actions=(Reconnect,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
