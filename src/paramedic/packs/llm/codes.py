"""The troubles of language models, of their files and of what they run on."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(id="llm.refused", type=IssueType.AI, summary="nobody listens where the model server should be")
TIMEOUT = Code(
    id="llm.timeout",
    type=IssueType.AI,
    summary="the model server accepts connections and answers nothing",
    instant=True,
)
UNAUTHORIZED = Code(
    id="llm.unauthorized", type=IssueType.AUTH, summary="the model server refuses the key that the service has"
)
RATE_LIMITED = Code(
    id="llm.rate-limited", type=IssueType.CONNECTIVITY, summary="the model server asks to be called less often"
)
LOADING = Code(
    id="llm.loading",
    type=IssueType.AI,
    summary="the model server is there and still loads its model",
    ending=Ending.ADVISE,
)
ERROR = Code(
    id="llm.error", type=IssueType.AI, summary="the model server answers with an error, or not in its protocol"
)
MODEL_MISSING = Code(
    id="llm.model-missing",
    type=IssueType.AI,
    summary="the server does not have the model that the service uses",
    depth=2,
)
STALLED = Code(
    id="llm.generation-stalled",
    type=IssueType.AI,
    summary="the server is there, idle, and generates no token",
    instant=True,
    depth=1,
)
SLOW = Code(id="llm.slow", type=IssueType.PERFORMANCE, summary="an idle model takes longer to answer than it may")
SLOWED_DOWN = Code(
    id="llm.slowed-down",
    type=IssueType.PERFORMANCE,
    summary="an idle model generates less than half of its usual tokens per second, and answers too slowly",
)
DEGENERATE = Code(
    id="llm.degenerate-output",
    type=IssueType.QUALITY,
    summary="the model answers nothing, the same again and again, or what is no text",
    depth=1,
)
QUEUE = Code(
    id="llm.queue-long",
    type=IssueType.PERFORMANCE,
    summary="more requests wait for the model than it works on",
    ending=Ending.ADVISE,
)
KV_CACHE = Code(
    id="llm.kv-cache-full",
    type=IssueType.RESOURCE,
    summary="the memory for what the model has read so far is nearly full",
    ending=Ending.ADVISE,
)
OUT_OF_MEMORY = Code(
    id="llm.out-of-memory",
    type=IssueType.AI,
    summary="the model does not fit into the memory that is there",
    ending=Ending.ADVISE,
    depth=3,
)
CONTEXT = Code(
    id="llm.context-overflow",
    type=IssueType.AI,
    summary="prompts are longer than what the model holds at once: they are refused or cut",
    ending=Ending.ADVISE,
    depth=1,
)
THREADS = Code(
    id="llm.threads",
    type=IssueType.PERFORMANCE,
    summary="the model computes with more threads than it may use cores",
    ending=Ending.ADVISE,
    depth=2,
)
GPU_MEMORY = Code(
    id="gpu.memory",
    type=IssueType.AI,
    summary="the memory of an accelerator is full",
    ending=Ending.ADVISE,
    depth=2,
)
FILE_MISSING = Code(
    id="model.file-missing", type=IssueType.AI, summary="the model's file is not where it should be", depth=3
)
FILE_CORRUPT = Code(
    id="model.file-corrupt",
    type=IssueType.AI,
    summary="the model's file is not what it was: its size, digest or header differs",
    instant=True,
    depth=3,
)
