"""Finds every place where a chain was tampered with or damaged."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection, Row, select

from paramedic.store.chain import Link, after, genesis, seal
from paramedic.store.schema import chain_anchors, chain_heads
from paramedic.store.streams import STREAMS, Stream


def breaks(connection: Connection) -> Iterator[str]:
    """One sentence for each break of each chain of each node."""
    heads = {(row.stream, row.node): row for row in connection.execute(select(chain_heads))}
    anchors = {(row.stream, row.node): row for row in connection.execute(select(chain_anchors))}
    known = {stream.name for stream in STREAMS}
    for name, node in sorted({*heads, *anchors}):
        if name not in known:
            yield f"node `{node}`: there is no stream `{name}`"
    for stream in STREAMS:
        walks: dict[str, _Walk] = {}
        rows = connection.execution_options(yield_per=1000).execute(
            select(stream.table).order_by(stream.table.c.node, stream.table.c.seq)
        )
        for row in rows:
            if row.node not in walks:
                walks[row.node] = _Walk(stream, row.node, anchors.get((stream.name, row.node)))
                yield from walks[row.node].begin()
            yield from walks[row.node].step(row)
        for name, node in sorted({*heads, *anchors}):
            if name == stream.name and node not in walks:
                walks[node] = _Walk(stream, node, anchors.get((name, node)))
                yield from walks[node].begin()
        for node, walk in walks.items():
            yield from walk.end(heads.get((stream.name, node)))


class _Walk:
    """Follows one chain from its beginning or anchor to its head."""

    def __init__(self, stream: Stream, node: str, anchor: "Row[tuple[object, ...]] | None") -> None:
        self._stream = stream
        self._node = node
        self._anchor = anchor
        self._link = genesis(node, stream.name) if anchor is None else Link(anchor.seq, anchor.hash, anchor.order_us)
        self._place = f"{stream.name} of node `{node}`"

    def begin(self) -> Iterator[str]:
        """Whether the anchor is as retention left it."""
        anchor = self._anchor
        if anchor is not None and anchor.seal != seal(
            self._node, self._stream.name, self._link, anchor.first_us, anchor.last_us
        ):
            yield f"{self._place}: the anchor that retention left was altered"

    def step(self, row: "Row[tuple[object, ...]]") -> Iterator[str]:
        """Whether the next row follows from the one before."""
        expected = self._link.seq + 1
        follows = after(self._link, row.body, row.at_us)
        if row.seq > expected:
            yield f"{self._place}: {_missing(expected, row.seq - 1)}"
        elif row.seq < expected:
            yield f"{self._place}: row {row.seq} should have been cut by retention"
        elif row.hash != follows.hash:
            yield f"{self._place}: row {row.seq} was altered, or what stood before it"
        elif row.order_us != follows.order_us:
            yield f"{self._place}: row {row.seq} was given another place in time"
        if not self._columns_agree(row):
            yield f"{self._place}: row {row.seq} has columns that disagree with its record"
        # Going on from what the row says finds later breaks of their own instead of repeating this one.
        self._link = Link(row.seq, row.hash, row.order_us)

    def end(self, head: "Row[tuple[object, ...]] | None") -> Iterator[str]:
        """Whether the chain goes exactly as far as its head says."""
        if head is None:
            yield f"{self._place}: its head is missing"
        elif head.seq > self._link.seq:
            yield f"{self._place}: {_missing(self._link.seq + 1, head.seq)} at its end"
        elif head.seq < self._link.seq:
            yield f"{self._place}: its head says {head.seq}, but there are rows up to {self._link.seq}"
        elif (head.hash, head.order_us) != (self._link.hash, self._link.order_us):
            yield f"{self._place}: its head does not belong to its last row"

    def _columns_agree(self, row: "Row[tuple[object, ...]]") -> bool:
        try:
            body = json.loads(row.body)
            columns = {**self._stream.columns(body), "at_us": self._stream.at_us(body)}
        except (ValueError, KeyError, TypeError):
            return False
        return all(row._mapping[name] == value for name, value in columns.items())  # noqa: SLF001  # public despite its name


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
