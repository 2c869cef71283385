"""Where the service writes, and how full the file systems are there."""

from pathlib import Path

from paramedic.packs.host.target import Host
from paramedic.sdk import Service
from paramedic.sdk.volume import Pace, Volume, amount, duration, read

__all__ = ["Pace", "Volume", "amount", "duration", "places", "read"]


def places(host: Host, service: Service) -> tuple[Path, ...]:
    """Where the service writes, as far as is known: declared places first."""
    state = service.settings.state_dir
    while not state.exists() and state != state.parent:
        state = state.parent  # it will be made there
    return tuple(dict.fromkeys((*host.paths, service.path.parent, state)))
