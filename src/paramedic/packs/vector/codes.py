"""Everything that can be wrong with a vector index."""

from paramedic.sdk import Code, Ending, IssueType

__all__ = ["Code"]

INDEX_MISSING = Code(
    id="vector.index-missing", type=IssueType.DATABASE, depth=3, summary="the index file does not exist"
)
INDEX_CORRUPT = Code(
    id="vector.index-corrupt",
    type=IssueType.DATABASE,
    depth=3,
    instant=True,
    summary="the index cannot be loaded, or holds what no vector can hold",
)
CHECKSUM_MISMATCH = Code(
    id="vector.checksum-mismatch",
    type=IssueType.DATABASE,
    depth=3,
    instant=True,
    summary="the index loads, but is not what its manifest says",
)
INDEX_EMPTY = Code(id="vector.index-empty", type=IssueType.DATABASE, depth=3, summary="the index holds no vector")
NOT_TRAINED = Code(
    id="vector.not-trained", type=IssueType.DATABASE, depth=3, summary="the index was never trained and takes no vector"
)
DIMENSION_MISMATCH = Code(
    id="vector.dimension-mismatch",
    type=IssueType.CONFIG,
    depth=3,
    summary="the index has vectors of another length than the service file says",
)
METRIC_MISMATCH = Code(
    id="vector.metric-mismatch",
    type=IssueType.CONFIG,
    depth=3,
    summary="the index measures nearness otherwise than the service file says",
)
EMBEDDING_MISMATCH = Code(
    id="vector.embedding-mismatch",
    type=IssueType.CONFIG,
    depth=3,
    summary="the index was made with another embedding model than the service file names",
)
MANIFEST_BROKEN = Code(
    id="vector.manifest-broken",
    type=IssueType.CONFIG,
    depth=1,
    ending=Ending.ADVISE,
    summary="the manifest of the index makes no sense",
)
RECALL_LOW = Code(
    id="vector.recall-low", type=IssueType.QUALITY, depth=2, summary="a search finds too few of the nearest vectors"
)
MEMORY = Code(
    id="vector.memory",
    type=IssueType.RESOURCE,
    depth=1,
    ending=Ending.ADVISE,
    summary="the index is larger than the memory of the process that loads it",
)
STALE = Code(id="vector.stale", type=IssueType.QUALITY, depth=2, summary="the source has vectors that the index lacks")
ORPHANS = Code(
    id="vector.orphans", type=IssueType.QUALITY, depth=1, summary="the index has vectors that the source lost"
)
