"""One open store: transactions, the change counter, retention, verification."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from paramedic.model.clock import Clock
from paramedic.model.errors import StoreError
from paramedic.store import retention, verification
from paramedic.store.backend import Backend
from paramedic.store.failure import Conflict, explained
from paramedic.store.transaction import Transaction

Result = TypeVar("Result")
_TRIES = 4


class Store:
    """Records of one service. Made by ``open_store`` and ``read_store``; may be used from any thread."""

    def __init__(self, backend: Backend, *, node: str, clock: Clock) -> None:
        self._backend = backend
        self._node = node
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._closed = False

    @property
    def place(self) -> str:
        """Where the records are, for people; without secrets."""
        return self._backend.place

    @property
    def node(self) -> str:
        """The node whose chains this handle writes."""
        return self._node

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block, or rolled back when an exception leaves it.

        Where nothing may be written, the same as ``read``.

        Raises:
            StoreError: nothing was written.
        """
        if self._backend.write is None:
            with self.read() as transaction:
                yield transaction
            return
        with self._writing() as connection:
            self._backend.announce(connection, self._node)
            transaction = Transaction(connection, self._node)
            yield transaction
            transaction.finish()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one moment, holds up nobody and cannot write."""
        with self._reading() as connection:
            yield Transaction(connection, self._node)

    async def run(self, fn: Callable[[Transaction], Result]) -> Result:
        """What ``fn`` returns, run in a transaction in the store's own thread.

        It is run again when the database gave up on the transaction because of another one, so it should do
        nothing but use the transaction. Cancelling the wait does not stop what has begun.
        """
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._insist, fn)

    def changes(self) -> int:
        """A number that is another one whenever some process has committed since; costs microseconds on SQLite.

        Our own commits move it too.
        """
        self._check_open()
        return self._backend.changes()

    async def changed(self) -> int:
        """``changes``, without holding up the loop when a server is slow to answer."""
        self._check_open()
        if self._backend.is_local:
            return self._backend.changes()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._backend.changes)

    def prune(self, now: datetime, keep_days: float) -> None:
        """Let go of what is older than ``keep_days``, except what belongs to something that is not over."""
        for last in (False, False, True):
            try:
                with self._writing() as connection:
                    retention.hold_up_writers(connection)
                    self._backend.announce(connection, self._node)
                    return retention.prune(connection, now, keep_days)
            except Conflict:
                if last:
                    raise
        return None

    def verify(self) -> tuple[str, ...]:
        """Every break of every chain, in words; empty when all are sound."""
        with self._reading() as connection:
            return tuple(verification.breaks(connection))

    def close(self) -> None:
        """Wait for the store's thread and let go of the database. May be called twice."""
        self._closed = True
        self._thread.shutdown()
        self._backend.close()

    def _insist(self, fn: Callable[[Transaction], Result]) -> Result:
        for _ in range(_TRIES - 1):
            try:
                with self.begin() as transaction:
                    return fn(transaction)
            except Conflict:
                continue
        with self.begin() as transaction:
            return fn(transaction)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._check_open()
        if self._backend.write is None:
            raise StoreError(f"the store `{self.place}` was opened for reading only")
        with explained(self.place), self._backend.write.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check_open()
        with explained(self.place), self._backend.read.begin() as connection:
            yield connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the store `{self.place}` is closed")
