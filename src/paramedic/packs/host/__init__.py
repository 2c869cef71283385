"""The machine on which the service runs: disks, memory, processor, descriptors, clock, and programs it calls."""

from paramedic.packs.host.actions import Free
from paramedic.packs.host.checks import disk_inodes, disk_space
from paramedic.packs.host.load import descriptors, memory, processor
from paramedic.packs.host.oom import killed
from paramedic.packs.host.programs import binaries
from paramedic.packs.host.strain import stalls, swap, throttling
from paramedic.packs.host.target import Host
from paramedic.packs.host.task_count import tasks
from paramedic.packs.host.wall_clock import clock
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="host",
    kinds=(
        Kind(
            name="host",
            summary="the machine on which the service runs: disks, memory, processor, descriptors, clock, programs",
            target=Host,
        ),
    ),
    checks=(
        disk_space,
        disk_inodes,
        memory,
        swap,
        killed,
        processor,
        throttling,
        stalls,
        descriptors,
        tasks,
        clock,
        binaries,
    ),
    actions=(Free,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
