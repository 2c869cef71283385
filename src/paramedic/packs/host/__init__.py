"""The machine on which the service runs: its disks, memory, processor and descriptors."""

from paramedic.packs.host.actions import Free
from paramedic.packs.host.checks import disk_inodes, disk_space
from paramedic.packs.host.load import descriptors, memory, processor
from paramedic.packs.host.target import Host
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="host",
    kinds=(
        Kind(
            name="host",
            summary="the machine on which the service runs: disks, memory, processor, descriptors",
            target=Host,
        ),
    ),
    checks=(disk_space, disk_inodes, memory, processor, descriptors),
    actions=(Free,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
