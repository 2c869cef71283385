"""All nouns of the store within one transaction."""

from sqlalchemy import Connection

from paramedic.store.chain import Chains
from paramedic.store.changes import Changes
from paramedic.store.commands import Commands
from paramedic.store.desired import DesiredStates
from paramedic.store.findings import Findings
from paramedic.store.incidents import Incidents
from paramedic.store.launches import Launches
from paramedic.store.nodes import Nodes
from paramedic.store.notes import Notes
from paramedic.store.outbox import Outbox
from paramedic.store.plans import Plans
from paramedic.store.receipts import Receipts
from paramedic.store.samples import Samples
from paramedic.store.timeline import Timeline
from paramedic.store.transitions import Transitions


class Transaction:
    """What is written through it is kept altogether or not at all."""

    def __init__(self, connection: Connection, node: str) -> None:
        self._chains = Chains(connection, node)
        self.transitions = Transitions(connection, self._chains)
        self.findings = Findings(connection)
        self.incidents = Incidents(connection)
        self.timeline = Timeline(connection, self._chains)
        self.plans = Plans(connection)
        self.receipts = Receipts(connection, self._chains)
        self.changes = Changes(connection, self._chains)
        self.commands = Commands(connection)
        self.outbox = Outbox(connection)
        self.samples = Samples(connection)
        self.launches = Launches(connection)
        self.desired = DesiredStates(connection)
        self.notes = Notes(connection)
        self.nodes = Nodes(connection)

    def finish(self) -> None:
        """What remains to be written before the commit."""
        self._chains.flush()
