"""The kind `lockfile`: a file that a job leaves while it works, with its process id in it."""

from pathlib import Path

from paramedic.sdk import Kind, Pack
from paramedic_lockfile.actions import Remove
from paramedic_lockfile.checks import is_held
from paramedic_lockfile.faults import leave_a_lock
from paramedic_lockfile.target import Lockfile

_HERE = Path(__file__).parent

pack = Pack(
    name="lockfile",
    kinds=(Kind(name="lockfile", summary="a file that locks a job", target=Lockfile, files=lambda lock: (lock.path,)),),
    checks=(is_held,),
    actions=(Remove,),
    playbooks=_HERE / "playbooks",
    drills=_HERE / "drills.yaml",
    faults={leave_a_lock.id: leave_a_lock},
)
