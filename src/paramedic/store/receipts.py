"""Proofs of what was done, chained and never recorded twice."""

from sqlalchemy import Connection, select

from paramedic.model.receipt import Receipt
from paramedic.store.body import read_all
from paramedic.store.chain import Chains
from paramedic.store.failure import AlreadyRecorded
from paramedic.store.schema import receipts
from paramedic.store.streams import RECEIPTS


class Receipts:
    """What each step of each plan did, before and after it did it."""

    def __init__(self, connection: Connection, chains: Chains) -> None:
        self._connection = connection
        self._chains = chains

    def append(self, receipt: Receipt) -> None:
        """Record one.

        Raises:
            AlreadyRecorded: this phase of this attempt of this step has its receipt.
        """
        if not self._chains.append(RECEIPTS, receipt):
            raise AlreadyRecorded(
                f"plan `{receipt.plan}` has a receipt `{receipt.phase}` of step {receipt.step}, "
                f"attempt {receipt.attempt} already"
            )

    def of(self, plan: str) -> tuple[Receipt, ...]:
        """The plan's receipts, oldest first."""
        wanted = (
            select(receipts.c.body)
            .where(receipts.c.plan == plan)
            .order_by(receipts.c.order_us, receipts.c.node, receipts.c.seq)
        )
        return read_all(Receipt, self._connection.scalars(wanted))

    def recent(self, limit: int = 100) -> tuple[Receipt, ...]:
        """Newest first."""
        wanted = select(receipts.c.body).order_by(receipts.c.order_us.desc(), receipts.c.seq.desc()).limit(limit)
        return read_all(Receipt, self._connection.scalars(wanted))
