"""What a pack imports: everything needed to add a kind of component, on one screen.

A pack is a package with an entry point in the group ``paramedic.packs`` that names a ``Pack``.
"""

from paramedic.model.code import Code, Ending, IssueType
from paramedic.model.component import Component, Desired, Need, Owner, ProcessSpec, Risk
from paramedic.model.finding import Evidence, Finding
from paramedic.model.playbook import Preview
from paramedic.model.secret import Secret
from paramedic.model.service import Permit, Service
from paramedic.model.status import Status
from paramedic.model.wire import Json
from paramedic.sdk.action import Action, ActionSpec, DidIt, Outcome, Undoable, Verifiable, action
from paramedic.sdk.check import CheckSpec, Depth, check
from paramedic.sdk.context import ActContext, Context
from paramedic.sdk.fault import DrillFailed, Fault, Patient, fault
from paramedic.sdk.pack import Kind, Pack, Registry, load_packs
from paramedic.sdk.ports import ActionFailed, Exit, LastGood, Look, ProcessControl, ProcessFacts

__all__ = [
    "ActContext",
    "Action",
    "ActionFailed",
    "ActionSpec",
    "CheckSpec",
    "Code",
    "Component",
    "Context",
    "Depth",
    "Desired",
    "DidIt",
    "DrillFailed",
    "Ending",
    "Evidence",
    "Exit",
    "Fault",
    "Finding",
    "IssueType",
    "Json",
    "Kind",
    "LastGood",
    "Look",
    "Need",
    "Outcome",
    "Owner",
    "Pack",
    "Patient",
    "Permit",
    "Preview",
    "ProcessControl",
    "ProcessFacts",
    "ProcessSpec",
    "Registry",
    "Risk",
    "Secret",
    "Service",
    "Status",
    "Undoable",
    "Verifiable",
    "action",
    "check",
    "fault",
    "load_packs",
]
