"""Any server that speaks TLS, and its certificate."""

from paramedic.packs.tls.checks import is_trusted
from paramedic.packs.tls.target import Tls
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="tls",
    kinds=(
        Kind(
            name="tls",
            summary="any server that speaks TLS, and its certificate",
            target=Tls,
            address=lambda target: (target.host, target.port),
            files=lambda target: (target.ca,) if target.ca else (),
        ),
    ),
    checks=(is_trusted,),
)
