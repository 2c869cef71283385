"""Is the embedding server there, and does it still mean the same?"""

from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.embedding import codes
from paramedic.packs.embedding.manifest import CANARIES, Manifest, NoManifest, read_manifest
from paramedic.packs.embedding.target import Embedding
from paramedic.packs.embedding.vectors import cosine, norm, what_is_wrong
from paramedic.packs.http.answer import NoAnswer, readable
from paramedic.packs.http.patience import keep_away, still_waiting
from paramedic.packs.llm.judge import Refusal, judge_status
from paramedic.packs.llm.ledger import CannotKeep, Ledger
from paramedic.packs.llm.presence import is_there, judge_silence
from paramedic.packs.process.words import spell
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Depth, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

if TYPE_CHECKING:
    from paramedic.packs.embedding.asking import Embedded

_EVERY_S = 1800.0
_RETRY_EVERY_S = 60.0
_COSINE = 0.99
_NORM_PERCENT = 5.0


@check(
    *codes.NAMES.of_every_look,
    codes.MODEL_MISSING,
    of=Embedding,
    imports=("paramedic.packs.llm.line",),
    timeout_s=5,
    every_s=5,
)
async def answers(server: Embedding, context: Context) -> Finding:
    """The embedding server is there, lets the service in, and has its model.

    Looks at: the list of models (``/v1/models``, else Ollama's ``/api/tags``), with the service's key. No token is
    spent. A server that keeps no such list is only known to be there.
    Why: without vectors nothing can be found in the memory, and nothing be added to it.
    By hand: ``curl -sS http://127.0.0.1:8080/v1/models``
    Healed by: restart-component where it is down or answers nothing; keys and missing models go to a person.
    """
    return await is_there(server, codes.NAMES, context)


@check(
    codes.CHANGED,
    codes.DIMENSION,
    codes.INVALID,
    codes.NORM_DRIFT,
    *codes.NAMES.of_every_look,
    of=Embedding,
    asks=lambda server: server.permits,
    depth=Depth.FULL,
    imports=("paramedic.packs.embedding.asking",),
    timeout_s=20,
    every_s=10,
    id="embedding.means",
)
async def means_the_same(server: Embedding, context: Context) -> Finding:
    """Known texts still get the vectors that they had.

    Looks at: the vectors of three short texts every ``canary_every_s`` (1800), at most ``tokens_per_hour`` (60):
    numbers at all, the declared ``dimension``, and, where a ``manifest`` was recorded, the same model, direction
    (cosine at least ``cosine``, 0.99) and length (within ``norm_percent``, 5). While they fail, they are asked for
    every ``retry_every_s`` (60). A hosted model is asked only with ``permits: [spends]``.
    Why: vectors of another model fit into an index without any error, and nothing is found any more.
    By hand: ``curl -sS http://127.0.0.1:8080/v1/embeddings -d '{"input": ["the cat sat"]}' | head -c 200``
    Healed by: nothing automatic: which model is right, and whether the index must be built anew, people decide;
    ``paramedic embedding record`` records the one that is.
    """
    if waiting := still_waiting(context):
        return waiting
    now, last = context.clock.monotonic(), context.memory.get("last")
    is_new = _is_newly_recorded(server, context)
    if context.looks_again and isinstance(last, tuple):
        at, found = last
        assert isinstance(found, Finding)
        limit_s = _retry_s(context) if found.status.is_failing else context.threshold("canary_every_s", _EVERY_S)
        if now - at < limit_s and not is_new:
            return found if found.status.is_failing else _still_well(found, now - at)
    found = await _ask(server, context)
    if found.code == codes.RATE_LIMITED.id:
        keep_away(found, context)
    if found.status.name != "UNKNOWN":
        context.memory["last"] = (now, found)
        now = context.clock.now().timestamp()
        Ledger(context.service.settings, server).note(is_failing=found.status.is_failing, now=now)
    return found


def _retry_s(context: Context) -> float:
    return context.threshold("retry_every_s", _RETRY_EVERY_S)


def _still_well(found: Finding, age_s: float) -> Finding:
    return replace(found, observed=f"{found.observed}, {spell(age_s)} ago", measures={})


def _is_newly_recorded(server: Embedding, context: Context) -> bool:
    """Whether the manifest was written since the last look: then what was wrong may be right now."""
    try:
        stamp = server.manifest.stat().st_mtime_ns if server.manifest else 0
    except OSError:
        stamp = 0
    before = context.memory.get("manifest", stamp)
    context.memory["manifest"] = stamp
    return stamp != before


async def _ask(server: Embedding, context: Context) -> Finding:
    from paramedic.packs.embedding.asking import embed
    from paramedic.packs.llm.ledger import TooDear
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import

    try:
        recorded = await in_thread(read_manifest, server.manifest) if server.manifest else None
    except FileNotFoundError:
        recorded = None
    except NoManifest as cannot:
        return context.unknown(str(cannot), hint="record it anew with `paramedic embedding record`")
    texts = tuple(each.text for each in recorded.canaries) if recorded else CANARIES
    ledger = Ledger(context.service.settings, server)
    try:
        async with Line(server, context.clock) as line:
            limit_s = context.remaining_s * SHARE_OF_TIME
            said = await embed(line, server, ledger, texts, limit_s=limit_s, clock=context.clock)
    except NoAnswer as none:
        return await judge_silence(none, server, codes.NAMES, context)
    except (TooDear, CannotKeep) as why:
        return context.unknown(f"whether its vectors are right cannot be told: {why}", hint="raise `tokens_per_hour`")
    if said.answer.status != 200:
        retry_after = readable(said.answer.headers.get("retry-after", ""))
        refusal = Refusal(
            status=said.answer.status, title=said.answer.title, said=said.answer.text, retry_after=retry_after
        )
        return judge_status(refusal, codes.NAMES, context)
    return _judge(said, recorded, server, context)


def _judge(said: "Embedded", recorded: Manifest | None, server: Embedding, context: Context) -> Finding:
    vectors = said.vectors
    if vectors is None:
        return context.critical(
            codes.ERROR,
            observed=f"the answer holds no vectors: {said.answer.text[:80]!r}",
            expected="one vector for each text",
            because="something answers there, and does not embed",
            hint=f"compare with `curl -sS {server.api}/embeddings`, and correct `base_url` and `model`",
        )
    lengths = sorted({len(each) for each in vectors})
    wanted = server.dimension or (recorded.dimension if recorded else lengths[0])
    if lengths != [wanted]:
        return context.critical(
            codes.DIMENSION,
            observed=f"its vectors have {' and '.join(map(str, lengths))} numbers",
            expected=f"{wanted}",
            because="the service file says so" if server.dimension else "so many were recorded",
            hint="find out which model answers there; an index of the other dimension has to be built anew",
        )
    if wrong := what_is_wrong(vectors):
        return context.critical(
            codes.INVALID,
            observed=f"its vectors are no embeddings: {wrong}",
            expected="finite numbers, different for different texts",
            because="three short texts of different meaning were embedded",
            hint="look at the server's log and at the precision that it computes with; nothing of it should be stored",
        )
    if recorded is None:
        hint = "`paramedic embedding record` records its vectors, so that a change is noticed"
        text = f"{len(vectors)} texts became vectors of {wanted} numbers; nothing is recorded to hold them against"
        return replace(context.info(text, tokens_spent=said.tokens), hint=hint)
    return _compare(said, recorded, server, context)


def _compare(said: "Embedded", recorded: Manifest, server: Embedding, context: Context) -> Finding:
    vectors = said.vectors or ()
    pairs = list(zip(recorded.canaries, vectors, strict=True))
    alike = [cosine(canary.vector, vector) for canary, vector in pairs]
    longer = [norm(vector) / norm(canary.vector) - 1 for canary, vector in pairs if norm(canary.vector)]
    drift = max(map(abs, longer), default=0.0) * 100
    measures = {"cosine": min(alike), "norm_drift_percent": drift, "tokens_spent": float(said.tokens)}
    rows = [f"`{canary.text}`: cosine {value:.4f}" for (canary, _), value in zip(pairs, alike, strict=True)]
    least = context.threshold("cosine", _COSINE)
    renamed = f"; it was `{recorded.model}`, and is `{server.model}` now" if recorded.model != server.model else ""
    if min(alike) < least:
        found = context.critical(
            codes.CHANGED,
            observed=f"known texts get other vectors: the least alike has a cosine of {min(alike):.3f}",
            expected=f"at least {least:g}, as recorded at {recorded.recorded_at[:19]}",
            because=f"another model, or another version of it, answers under this name{renamed}",
            hint="bring the earlier model back, or build every index anew and then `paramedic embedding record`; "
            "until then nothing new should be added to an index",
            evidence=(Evidence(label="canary texts", text="\n".join(rows)),),
        )
        return replace(found, measures=measures)
    if drift > context.threshold("norm_percent", _NORM_PERCENT):
        found = context.warning(
            codes.NORM_DRIFT,
            observed=f"its vectors point where they did, and their lengths differ by up to {drift:.0f} %",
            expected=f"within {context.threshold('norm_percent', _NORM_PERCENT):g} %",
            because="the server has begun or ceased to normalise them, or scales them otherwise",
            hint="set the server's normalisation as it was; an index by inner product ranks otherwise now",
            evidence=(Evidence(label="canary texts", text="\n".join(rows)),),
        )
        return replace(found, measures=measures)
    return context.ok(f"{len(pairs)} known texts get their vectors (cosine at least {min(alike):.4f})", **measures)
