"""The tables as statements see them. What creates them stands in ``migrations``; a test compares the two."""

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, Table, Text

metadata = MetaData()


def _chained(name: str, *columns: Column[str] | Column[int]) -> Table:
    """A table of one hash-chained stream; the extra columns repeat parts of the body for queries."""
    return Table(
        name,
        metadata,
        Column("node", Text, primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("hash", Text, nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("order_us", BigInteger, nullable=False),
        *columns,
        Column("body", Text, nullable=False),
    )


transitions = _chained("transitions", Column("component", Text, nullable=False))
timeline = _chained("timeline", Column("incident", Text, nullable=False))
changes = _chained("changes", Column("component", Text, nullable=False))
receipts = _chained(
    "receipts",
    Column("plan", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("phase", Text, nullable=False),
)
chain_heads = Table(
    "chain_heads",
    metadata,
    Column("node", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("order_us", BigInteger, nullable=False),
)
chain_anchors = Table(
    "chain_anchors",
    metadata,
    Column("node", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("order_us", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("seal", Text, nullable=False),
)
findings = Table(
    "findings",
    metadata,
    Column("component", Text, primary_key=True),
    Column("check_name", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)
incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("resolved_us", BigInteger),
    Column("body", Text, nullable=False),
)
plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident", Text),
    Column("state", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident", Text),
    Column("at_us", BigInteger, nullable=False),
    Column("due_us", BigInteger),
    Column("body", Text, nullable=False),
)
samples = Table(
    "samples",
    metadata,
    Column("component", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
)
sample_buckets = Table(
    "sample_buckets",
    metadata,
    Column("width_us", BigInteger, primary_key=True, autoincrement=False),
    Column("component", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("minimum", Double, nullable=False),
    Column("maximum", Double, nullable=False),
    Column("total", Double, nullable=False),
)
launches = Table(
    "launches",
    metadata,
    Column("token", Text, primary_key=True),
    Column("component", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("body", Text, nullable=False),
)
desired = Table(
    "desired",
    metadata,
    Column("component", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("by_whom", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
notes = Table(
    "notes",
    metadata,
    Column("key", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
nodes = Table(
    "nodes",
    metadata,
    Column("node", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("renewed_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)
commits = Table(
    "commits",
    metadata,
    Column("node", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
)
