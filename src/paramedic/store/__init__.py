"""Everything Paramedic remembers, in SQLite or Postgres: one transaction, one noun per file, chains that verify."""

from paramedic.store.failure import AlreadyRecorded, StoreAway, StoreBusy
from paramedic.store.nodes import Lease
from paramedic.store.opening import open_store, read_store
from paramedic.store.patience import insist, pauses
from paramedic.store.samples import Point
from paramedic.store.store import Store
from paramedic.store.transaction import Transaction

__all__ = [
    "AlreadyRecorded",
    "Lease",
    "Point",
    "Store",
    "StoreAway",
    "StoreBusy",
    "Transaction",
    "insist",
    "open_store",
    "pauses",
    "read_store",
]
