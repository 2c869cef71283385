"""Any server that listens on a TCP port."""

from paramedic.packs.tcp.checks import accepts_connections
from paramedic.packs.tcp.target import Tcp
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="tcp",
    kinds=(
        Kind(
            name="tcp",
            summary="any server that listens on a TCP port",
            target=Tcp,
            address=lambda target: (target.host, target.port),
        ),
    ),
    checks=(accepts_connections,),
)
