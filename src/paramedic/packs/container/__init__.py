"""Units that somebody else runs: systemd, Docker, Compose, Kubernetes, supervisord, runit, each through its own CLI."""

from paramedic.packs.container.checks import state
from paramedic.packs.container.room import RaiseLimit, ScaleOut
from paramedic.packs.container.target import Container
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="container",
    kinds=(
        Kind(
            name="container",
            summary="a unit of systemd, Docker, Compose, Kubernetes, supervisord or runit",
            target=Container,
            owner=Container.owner,
        ),
    ),
    checks=(state,),
    actions=(RaiseLimit, ScaleOut),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
