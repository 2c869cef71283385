"""The troubles of embedding models."""

from paramedic.packs.llm.judge import Names
from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(id="embedding.refused", type=IssueType.AI, summary="nobody listens where the embedding server should be")
TIMEOUT = Code(
    id="embedding.timeout",
    type=IssueType.AI,
    summary="the embedding server accepts connections and answers nothing",
    instant=True,
)
UNAUTHORIZED = Code(
    id="embedding.unauthorized",
    type=IssueType.AUTH,
    summary="the embedding server refuses the key that the service has",
)
RATE_LIMITED = Code(
    id="embedding.rate-limited",
    type=IssueType.CONNECTIVITY,
    summary="the embedding server asks to be called less often",
)
LOADING = Code(
    id="embedding.loading",
    type=IssueType.AI,
    summary="the embedding server is there and still loads its model",
    ending=Ending.ADVISE,
)
ERROR = Code(
    id="embedding.error",
    type=IssueType.AI,
    summary="the embedding server answers with an error, or not in its protocol",
)
MODEL_MISSING = Code(
    id="embedding.model-missing",
    type=IssueType.AI,
    summary="the server does not have the embedding model that the service uses",
    depth=2,
)
CHANGED = Code(
    id="embedding.changed",
    type=IssueType.QUALITY,
    summary="another embedding model answers under the same name: known texts get other vectors",
    depth=3,
)
DIMENSION = Code(
    id="embedding.dimension",
    type=IssueType.QUALITY,
    summary="the vectors have another length than the index they are for",
    depth=3,
)
INVALID = Code(
    id="embedding.invalid-vector",
    type=IssueType.QUALITY,
    summary="the vectors hold what is no number, only zeros, or the same for every text",
    depth=2,
)
NORM_DRIFT = Code(
    id="embedding.norm-drift",
    type=IssueType.QUALITY,
    summary="the vectors point where they should and have another length",
    ending=Ending.ADVISE,
    depth=2,
)

NAMES = Names(
    refused=REFUSED,
    timeout=TIMEOUT,
    unauthorized=UNAUTHORIZED,
    rate_limited=RATE_LIMITED,
    loading=LOADING,
    error=ERROR,
    model_missing=MODEL_MISSING,
)
