"""Hash chains: each row's hash covers the hash before it, so that no row changes, goes or comes unseen.

The head of a chain says how far it goes; it moves in the transaction that appends. Retention cuts a prefix and
leaves an anchor: the hash to go on from, how many rows are gone and the times they covered.
``order_us`` is the time of a row, but never less than that of the row before it, so that rows of several nodes
sort by time while a clock that was set back cannot disorder the rows of one.
"""

import json
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, bindparam, insert, select, update

from paramedic.model import wire
from paramedic.store import body as bodies
from paramedic.store.insertion import insert_new
from paramedic.store.schema import chain_heads
from paramedic.store.streams import Body, Stream


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a chain: after its ``seq``-th row."""

    seq: int
    hash: str
    order_us: int


def genesis(node: str, stream: str) -> Link:
    """Where the chain of a node and stream begins."""
    return Link(0, sha256(f"{stream}\n{node}".encode()).hexdigest(), 0)


def after(link: Link, body: str, at_us: int) -> Link:
    """The place after a row with this body."""
    digest = sha256(f"{link.hash}\n{body}".encode()).hexdigest()
    return Link(link.seq + 1, digest, max(at_us, link.order_us))


def seal(node: str, stream: str, link: Link, first_us: int, last_us: int) -> str:
    """The hash that holds the parts of an anchor together."""
    return sha256(
        json.dumps([node, stream, link.seq, link.hash, link.order_us, first_us, last_us]).encode()
    ).hexdigest()


_HEAD = (
    select(chain_heads.c.seq, chain_heads.c.hash, chain_heads.c.order_us)
    .where(chain_heads.c.node == bindparam("node"), chain_heads.c.stream == bindparam("stream"))
    .with_for_update()
)
_MOVE = update(chain_heads).where(
    chain_heads.c.node == bindparam("of_node"), chain_heads.c.stream == bindparam("of_stream")
)


class Chains:
    """The chains of one node within one transaction."""

    def __init__(self, connection: Connection, node: str) -> None:
        self._connection = connection
        self._node = node
        self._heads: dict[str, Link] = {}

    def append(self, stream: Stream, value: object) -> bool:
        """Add a row to the node's chain; ``False`` when what may occur once only is there already."""
        data: Body = wire.dump(value)
        text = bodies.canonical(data)
        at_us = stream.at_us(data)
        link = after(self._heads.get(stream.name) or self._head(stream.name), text, at_us)
        row = {
            "node": self._node,
            "seq": link.seq,
            "hash": link.hash,
            "at_us": at_us,
            "order_us": link.order_us,
            "body": text,
            **stream.columns(data),
        }
        if not stream.once:
            self._connection.execute(insert(stream.table), row)
        elif self._connection.execute(insert_new(self._connection, stream.table, *stream.once), row).rowcount != 1:
            return False
        self._heads[stream.name] = link
        return True

    def _head(self, stream: str) -> Link:
        names = {"node": self._node, "stream": stream}
        found = self._connection.execute(_HEAD, names).first()
        if found is not None:
            return Link(*found)
        start = genesis(self._node, stream)
        row = {**names, "seq": start.seq, "hash": start.hash, "order_us": start.order_us}
        self._connection.execute(insert(chain_heads), row)
        return start

    def flush(self) -> None:
        """Move the heads; the last thing a transaction does."""
        for stream, link in self._heads.items():
            self._connection.execute(
                _MOVE,
                {
                    "of_node": self._node,
                    "of_stream": stream,
                    "seq": link.seq,
                    "hash": link.hash,
                    "order_us": link.order_us,
                },
            )
