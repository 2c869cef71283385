"""What lies open: secrets in logs, file modes, debug modes, default credentials, open ports, old protocols."""

from paramedic.packs.security.actions import FixFileMode
from paramedic.packs.security.exposed import exposed
from paramedic.packs.security.modes import modes
from paramedic.packs.security.network import listening, protocols
from paramedic.packs.security.settings import credentials, debugging
from paramedic.packs.security.target import Security
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="security",
    kinds=(
        Kind(
            name="security",
            summary="what of the service lies open to those whom it does not concern",
            target=Security,
            files=Security.watched,
        ),
    ),
    checks=(exposed, modes, debugging, credentials, listening, protocols),
    actions=(FixFileMode,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
