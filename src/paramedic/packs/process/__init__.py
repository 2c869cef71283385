"""Processes: those that Paramedic starts, and those that it only watches."""

from paramedic.packs.process.actions import ClearStale, Restart, Start, Stop, WaitAnswers
from paramedic.packs.process.checks import alive, descriptors, memory
from paramedic.packs.process.crowd import tasks
from paramedic.packs.process.ends import restarts
from paramedic.packs.process.pools import ResetPool
from paramedic.packs.process.processor import cpu
from paramedic.packs.process.relief import RelieveMemory
from paramedic.packs.process.target import Process
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="process",
    kinds=(
        Kind(
            name="process",
            summary="a process, started by Paramedic or by somebody else",
            target=Process,
        ),
    ),
    checks=(alive, descriptors, memory, cpu, tasks, restarts),
    # mypy does not follow class decorators
    actions=(Start, Stop, Restart, WaitAnswers, ClearStale, ResetPool, RelieveMemory),  # type: ignore[arg-type]
)
