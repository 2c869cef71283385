"""How actions build an index: from a base or from nothing, described, and tried before it may stand in any place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic.packs.vector.asking import Answer, NoAnswer, ask, memory_for, source_order
from paramedic.packs.vector.inside import manifest
from paramedic.packs.vector.inside.manifest import Broken, Manifest
from paramedic.packs.vector.target import Vector
from paramedic.sdk import ActContext, ActionFailed
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import digest, kept
from paramedic.sdk.notes import Notes
from paramedic.sdk.swapping import Exchange

RECALL_PERCENT = 90.0
_DEFAULT = "IDMap2,Flat"
_MARGIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A last good copy that loads and is what the service wants."""

    path: Path
    at: str
    facts: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an index is built."""

    factory: str
    metric: str
    search: dict[str, int]


def target_of(context: ActContext) -> Vector:
    """The index that the action works on."""
    target = context.component.target
    if not isinstance(target, Vector):
        raise ActionFailed(f"`{context.component.name}` is no vector index")
    return target


def exchange(context: ActContext, action: str) -> Exchange:
    """The exchange of the index together with its manifest; it is built while the old one is still used."""
    target = target_of(context)
    return Exchange(
        context=context,
        notes=Notes(context, action),
        path=target.index,
        escort=target.manifest_path,
        builds_first=True,
    )


async def facts_of(path: Path, limit_s: float, described: Path | None = None, *, grows: bool = True) -> Answer | None:
    """What there is to know about an index; ``None`` where it does not load."""
    try:
        order: dict[str, Any] = {"path": path.absolute(), "manifest_path": described, "grows": grows}  # Any: see below
        return await ask("facts", limit_s, memory=memory_for(path), **order)
    except NoAnswer:
        return None


async def newest_good(context: ActContext) -> Good | None:
    """The newest copy, or one of a backup, that loads, holds something, and fits what the service file says."""
    target = target_of(context)
    copies = await in_thread(context.last_good.newest, target.index)
    for copy in sorted(copies, key=lambda each: kept(each).at, reverse=True):
        facts = await facts_of(copy, context.limit_s)
        if facts is None or not facts["is_trained"] or not facts["vectors"] or facts["strange"]:
            continue
        if target.dimension and facts["dimension"] != target.dimension:
            continue
        return Good(path=copy, at=f"{kept(copy).at:%Y-%m-%d %H:%M:%S} UTC", facts=facts)
    return None


def described(context: ActContext) -> Manifest | None:
    """The manifest in place, or the newest good copy of it."""
    target = target_of(context)
    for path in (target.manifest_path, *context.last_good.newest(target.manifest_path)):
        try:
            if found := manifest.read(path):
                return found
        except Broken:
            continue
    return None


async def recipe(context: ActContext, good: Good | None) -> Recipe:
    """How the index is to be built: as declared, else as it was described, else as it is or was."""
    target, was = target_of(context), described(context)
    now = await facts_of(target.index, context.limit_s) if target.index.is_file() else None
    known = [each for each in (now, good.facts if good else None) if each]
    factory = target.type or (was.factory if was else "") or next((each["factory"] for each in known), "") or _DEFAULT
    metric = target.metric or (was.metric if was else "") or next((each["metric"] for each in known), "") or "l2"
    search = was.search if was and was.search else next((each["search"] for each in known if each["search"]), {})
    return Recipe(factory=factory, metric=str(metric), search=search)


async def difference(context: ActContext, path: Path) -> Answer:
    """How an index differs from the source.

    Raises:
        ActionFailed: there is no source, or it cannot be read.
    """
    target = target_of(context)
    order = needed_source(context)
    try:
        return await ask(
            "compare",
            context.limit_s - _MARGIN_S,
            memory=memory_for(path, target.source.file if target.source else None),
            path=path.absolute(),
            manifest_path=target.manifest_path if path == target.index else context.workspace / "no-manifest",
            cold=False,
            source=order,
        )
    except NoAnswer as error:
        raise ActionFailed(str(error)) from None


def needed_source(context: ActContext) -> dict[str, object]:
    """The declared source.

    Raises:
        ActionFailed: there is none.
    """
    order = source_order(context)
    if order is None:
        raise ActionFailed(f"`{context.component.name}` declares no `source` to build it from")
    return order


async def build(
    context: ActContext, out: Path, how: Recipe, *, base: Path | None = None, source: dict[str, object] | None = None
) -> Answer:
    """Build an index of what the source has. What was begun by an earlier try, or before a crash, is gone on with.

    Raises:
        ActionFailed: it cannot be built, or not in time; then the next try goes on.
    """
    target = target_of(context)
    order = source or needed_source(context)
    # beside the plans and not in one: a build that is larger than the time of one plan is ended by the next
    work = context.service.settings.state_dir / "vector" / context.component.name
    file = target.source.file if target.source else None
    try:
        return await ask(
            "build",
            context.limit_s - _MARGIN_S,
            memory=0 if file is None else 4 * memory_for(base, file),
            source=order,
            out_path=out,
            work_path=work,
            base_path=base,
            factory=how.factory,
            dimension=target.dimension,
            metric=target.metric or how.metric,
            search=how.search,
        )
    except NoAnswer as error:
        raise ActionFailed(f"it could not be built: {error}") from None


async def describe(
    context: ActContext, built: Path, *, factory: str = "", was: Manifest | None = None, grows: bool = True
) -> Answer:
    """Write the manifest of what was built beside it, and prove that searches find what they should.

    Args:
        context: of the action.
        built: the index.
        factory: how it was built, where that cannot be seen from it.
        was: the manifest whose golden queries it must answer, too.
        grows: whether it may hold more than the index of that manifest.

    Raises:
        ActionFailed: it finds too little.
    """
    target = target_of(context)
    escort = built.with_name(built.name + ".escort")
    limit = context.component.thresholds.get("recall_percent", RECALL_PERCENT)
    try:
        made = await ask(
            "describe",
            context.limit_s - _MARGIN_S,
            memory=memory_for(built),
            path=built,
            out_path=escort,
            embedding=target.embedding or (was.embedding if was else ""),
            factory=factory,
            keep_search={},
        )
    except NoAnswer as error:
        raise ActionFailed(f"what was built cannot be described: {error}") from None
    if made["golden"] and 100 * made["recall"] < limit:
        raise ActionFailed(
            f"what was built finds {100 * made['recall']:.0f} % of the nearest vectors, and {limit:.0f} % are needed"
        )
    if was and was.golden:
        old = built.with_name(built.name + ".was")
        old.write_text(was.text())
        facts = await facts_of(built, context.limit_s, old, grows=grows)
        if facts and facts["recall"] is not None and 100 * facts["recall"] < limit:
            raise ActionFailed(
                f"of the nearest vectors of the golden queries it finds {100 * facts['recall']:.0f} %, and "
                f"{limit:.0f} % are needed; were the vectors made too small, or the embedding model changed?"
            )
    return made


async def description_of(context: ActContext, index: Path) -> Manifest | None:
    """What a manifest of this index would say: golden queries with its own nearest vectors.

    Raises:
        ActionFailed: it cannot be described.
    """
    draft = Notes(context, "description").folder / "manifest.json"
    order: dict[str, Any] = {"embedding": "", "factory": "", "keep_search": {}}  # Any: arguments of a job
    try:
        await ask("describe", context.limit_s - _MARGIN_S, path=index, out_path=draft, **order)
    except NoAnswer as error:
        raise ActionFailed(f"the index cannot be described: {error}") from None
    return manifest.read(draft)


async def is_well(context: ActContext, codes: tuple[str, ...]) -> bool:
    """Whether none of these troubles is found by now."""
    found = await context.look(context.component.name)
    return bool(found) and not any(each.code in codes for each in found)


def is_same(one: Path, sha256: str) -> bool:
    """Whether a file has this digest."""
    try:
        return digest(one) == sha256
    except OSError:
        return False
