"""Whether a vector index is there, whole, finds what it should, and holds what its source holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paramedic.packs.vector import codes, sizes
from paramedic.packs.vector.asking import Answer, Crashed, NoAnswer, ask, memory_for, source_order
from paramedic.packs.vector.target import Vector
from paramedic.sdk import Code, Context, Depth, Evidence, Finding, Status, check

_MARGIN_S = 1.0
_RECALL_PERCENT = 90.0
_AT_LEAST_EVERY_S = 300.0
_SHARE = 20.0
"""A whole look is repeated at the earliest after this many times of what the last one took."""

_SAID: Mapping[str, tuple[Code, str, str]] = {
    "missing": (
        codes.INDEX_MISSING,
        "an index file",
        "check that its volume is mounted; `paramedic recover` restores it or builds it from its source",
    ),
    "corrupt": (
        codes.INDEX_CORRUPT,
        "an index that FAISS can load",
        "`paramedic recover` sets it aside and restores it",
    ),
    "checksum": (
        codes.CHECKSUM_MISMATCH,
        "the very file that its manifest describes",
        "`paramedic recover` restores it; if it was changed on purpose, `paramedic vector manifest` describes it anew",
    ),
    "empty": (
        codes.INDEX_EMPTY,
        "an index with vectors",
        "`paramedic recover` restores it; if it is meant to be empty, `paramedic vector manifest` says so",
    ),
    "not-trained": (
        codes.NOT_TRAINED,
        "a trained index",
        "declare a `source`, so that `paramedic vector rebuild` can train and fill it",
    ),
    "dimension": (
        codes.DIMENSION_MISMATCH,
        "vectors of the declared length",
        "find out which of the two is right: correct `dimension`, or build the index anew for the new model",
    ),
    "metric": (
        codes.METRIC_MISMATCH,
        "the declared metric",
        "find out which of the two is right: correct `metric`, or build the index anew",
    ),
    "embedding": (
        codes.EMBEDDING_MISMATCH,
        "vectors of the declared embedding model",
        "embed the source anew and build the index from it, or go back to the model that made it",
    ),
    "manifest-broken": (
        codes.MANIFEST_BROKEN,
        "a manifest that can be read",
        "make sure that the index is as it should be; then `paramedic vector manifest` writes a new one",
    ),
}


@check(
    codes.INDEX_MISSING,
    codes.INDEX_CORRUPT,
    codes.CHECKSUM_MISMATCH,
    codes.INDEX_EMPTY,
    codes.NOT_TRAINED,
    codes.DIMENSION_MISMATCH,
    codes.METRIC_MISMATCH,
    codes.EMBEDDING_MISMATCH,
    codes.MANIFEST_BROKEN,
    codes.RECALL_LOW,
    codes.MEMORY,
    of=Vector,
    timeout_s=60,
)
async def is_sound(target: Vector, context: Context) -> Sequence[Finding]:
    """A vector index is there, loads, is what its manifest says, and finds what it should.

    Looks at: the file; at the first look, when it changed, and every five minutes also its digest against the
    manifest, every number in it, its dimension and metric, and how many of the nearest vectors a search finds for the
    manifest's golden queries (``recall_percent``, 90). FAISS loads it in a child process whose memory is limited: a
    crash there is a finding. Its digest must be that of the manifest where the service file calls it ``cold``, or
    where the file is older than its manifest; otherwise its service may have written it.
    Why: FAISS loads most damaged files without a word, and then finds the wrong things.
    By hand: ``python -c 'import faiss; print(faiss.read_index("PATH").ntotal)'``; ``sha256sum PATH``
    Healed by: restore-vector-index (missing, damaged, empty); rebuild-vector-index (never trained; low recall after
    approval). A wrong dimension, metric or model goes to a person; too little memory and a broken manifest are told.
    """
    seen = (target, stamp(target.index), stamp(target.manifest_path), stamp_of_source(target))
    now = context.clock.monotonic()
    last = context.memory.get("last")
    if isinstance(last, _Looked) and last.is_fresh(seen, now):
        return last.findings
    try:
        answers = await ask(
            "look",
            max(0.1, context.remaining_s - _MARGIN_S),
            memory=memory_for(target.index),
            path=target.index.absolute(),
            manifest_path=target.manifest_path.absolute(),
            dimension=target.dimension,
            metric=target.metric,
            embedding=target.embedding,
            cold=target.cold,
            source=source_order(context),
        )
    except Crashed as error:
        if stamp(target.index) != seen[1]:
            return [context.unknown(f"`{target.index.name}` was written to while it was looked at")]
        answers = [{"verdict": "corrupt", "text": f"`{target.index.name}`: {error}", "evidence": [], "measures": {}}]
    except NoAnswer as error:
        return [context.unknown(f"`{target.index.name}` could not be looked at: {error}")]
    findings = [_finding(target, context, answer) for answer in answers]
    took_s = context.clock.monotonic() - now
    if all(each.status is Status.OK for each in findings):
        context.memory["last"] = _Looked(seen, findings, context.clock.monotonic(), took_s)
    return findings


@check(codes.STALE, codes.ORPHANS, of=Vector, timeout_s=60, depth=Depth.NORMAL, when=lambda target: bool(target.source))
async def is_current(target: Vector, context: Context) -> Sequence[Finding]:
    """A vector index holds the vectors that its source holds, no fewer and no more.

    Looks at: the ids in the index and in its source, in a child process, when one of them changed and every five
    minutes. A few missing for a short time are no trouble (``missing``, 0; ``missing_for_s``, 0). Where the vectors of
    an index have no ids of their own, their number counts.
    Why: what is not in the index is never found, and what was deleted must not be found any more.
    By hand: compare ``faiss.read_index("PATH").ntotal`` with ``SELECT count(*)`` of the table.
    Healed by: reindex-missing; compact-vector-index after approval.
    """
    order = source_order(context)
    if order is None:
        return [context.info("no source is declared")]
    source = stamp_of_source(target)
    seen = (target, stamp(target.index), stamp(target.manifest_path), source)
    now = context.clock.monotonic()
    last = context.memory.get("last")
    # what cannot be seen from outside, such as a table on a server, is asked again at once
    if source and isinstance(last, _Looked) and last.is_fresh(seen, now):
        return last.findings
    if not seen[1]:
        return [context.info(f"`{target.index.name}` is not there; nothing can be compared")]
    try:
        answer = await ask(
            "compare",
            max(0.1, context.remaining_s - _MARGIN_S),
            memory=memory_for(target.index, target.source.file if target.source else None),
            path=target.index.absolute(),
            manifest_path=target.manifest_path.absolute(),
            cold=target.cold,
            source=order,
        )
    except Crashed:
        return [context.info(f"`{target.index.name}` cannot be loaded; nothing can be compared")]
    except NoAnswer as error:
        return [context.unknown(f"`{target.index.name}` could not be held against its source: {error}")]
    if why := answer.get("abstains"):
        return [context.info(f"`{target.index.name}` {why}; it is not held against its source")]
    findings = _compared(target, context, answer)
    took_s = context.clock.monotonic() - now
    if all(each.status is Status.OK for each in findings):
        context.memory["last"] = _Looked(seen, findings, context.clock.monotonic(), took_s)
    return findings


def stamp(path: Path) -> tuple[int, ...]:
    """What tells cheaply that a file is unchanged; empty where there is none."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    # the time of the last change of any kind cannot be set by hand, unlike that of the last writing
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def stamp_of_source(target: Vector) -> tuple[int, ...]:
    """The same for a source that is a file, with the log of a database; empty for others."""
    path = target.source.file if target.source else None
    return stamp(path) + stamp(path.with_name(path.name + "-wal")) if path else ()


class _Looked:
    """The last look that found nothing wrong, and how long it holds."""

    def __init__(self, seen: tuple[object, ...], findings: Sequence[Finding], at_s: float, took_s: float) -> None:
        self.findings = findings
        self._seen, self._at_s, self._took_s = seen, at_s, took_s

    def is_fresh(self, seen: tuple[object, ...], now_s: float) -> bool:
        return seen == self._seen and now_s - self._at_s < max(_AT_LEAST_EVERY_S, _SHARE * self._took_s)


def _finding(target: Vector, context: Context, answer: Answer) -> Finding:
    verdict, text, measures = answer["verdict"], answer["text"], answer["measures"]
    evidence = tuple(Evidence(label="index", text=str(each)) for each in answer["evidence"])
    if verdict == "unknown":
        return context.unknown(text, hint="let Paramedic's user read the index and its folder")
    if verdict != "ok":
        code, expected, hint = _SAID[verdict]
        tell = context.warning if verdict == "manifest-broken" else context.critical
        path = target.manifest_path if verdict == "manifest-broken" else target.index
        return tell(code, observed=text, expected=expected, hint=hint, evidence=evidence, path=path, **measures)
    share, limit = measures.get("recall_percent"), context.threshold("recall_percent", _RECALL_PERCENT)
    if share is not None and share < limit:
        return context.critical(
            codes.RECALL_LOW,
            observed=text,
            expected=f"at least {limit:.0f} %",
            because="the search settings were lowered, or vectors of another embedding model came in",
            hint="approve the plan that builds it anew from its source, with the settings of its manifest",
            evidence=evidence,
            path=target.index,
            **measures,
        )
    return sizes.judge(target, context, measures) or context.ok(f"`{target.index.name}`: {text}", **measures)


def _compared(target: Vector, context: Context, answer: Answer) -> list[Finding]:
    missing, orphans, vectors = answer["missing"], answer["orphans"], answer["vectors"]
    measures: dict[str, Any] = {
        "vectors": float(vectors),
        "missing": float(missing),
        "orphans": float(orphans),
    }  # Any: numbers
    name = f"`{target.index.name}`"
    found: list[Finding] = []
    now = context.clock.monotonic()
    if missing > context.threshold("missing", 0):
        since = context.memory.setdefault("missing since", now)
        assert isinstance(since, float)
        if now - since >= context.threshold("missing_for_s", 0):
            found.append(
                context.critical(
                    codes.STALE,
                    observed=f"{name} lacks {missing} of {vectors + missing - orphans} vectors of its source",
                    expected="every vector of the source",
                    hint="`paramedic recover` adds them; then see why the service did not",
                    evidence=(Evidence(label="missing ids", text=_listed(answer["some_missing"], missing)),),
                    path=target.index,
                    **measures,
                )
            )
    else:
        context.memory.pop("missing since", None)
    if orphans:
        found.append(
            context.warning(
                codes.ORPHANS,
                observed=f"{name} has {orphans} vectors that its source has not",
                expected="no vector of what was deleted",
                hint="approve the plan that takes them out, or run `paramedic vector compact`",
                evidence=(Evidence(label="ids", text=_listed(answer["some_orphans"], orphans)),),
                path=target.index,
                **measures,
            )
        )
    return found or [context.ok(f"{name} holds the {vectors} vectors of its source", **measures)]


def _listed(some: Sequence[int], count: int) -> str:
    return ", ".join(map(str, some)) + (f" and {count - len(some)} more" if count > len(some) else "")
