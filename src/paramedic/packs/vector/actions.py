"""What heals a vector index: its last good copy, its source, and a look at both before anything is exchanged."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from paramedic.packs.vector import codes, sizes, workshop
from paramedic.packs.vector.asking import NoAnswer, ask, source_order
from paramedic.packs.vector.sizes import pieces
from paramedic.packs.vector.workshop import Good, Recipe, exchange, target_of
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import write_whole
from paramedic.sdk.notes import Notes
from paramedic.sdk.swapping import Exchange
from paramedic.sdk.volume import amount

_PAUSE_S = 3.0
"""How long what uses the index rests for the exchange."""
_DAMAGE = (codes.INDEX_MISSING, codes.INDEX_CORRUPT, codes.CHECKSUM_MISMATCH, codes.INDEX_EMPTY)
_REBUILT = (*_DAMAGE, codes.NOT_TRAINED, codes.RECALL_LOW)


class _Exchanging:
    """What all actions have in common that exchange the index."""

    name: str

    async def reconcile(self, context: ActContext) -> DidIt:
        """Whether the new index is in place."""
        return await self._exchange(context).reconcile()

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the protocol's shape
        """Put the old index and its manifest back."""
        return await self._exchange(context).put_back()

    def _exchange(self, context: ActContext) -> Exchange:
        return exchange(context, self.name)

    def _place(self, context: ActContext) -> Path:
        return Notes(context, self.name).folder / "built"


@action("vector.restore", risk=Risk.REVERSIBLE, tries=3)
class Restore(_Exchanging):
    """Bring the newest good copy back and add what is newer in the source; without a copy, build it from the source."""

    name = "restore"

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        summary = f"restore `{target.index.name}`"
        try:
            if not target.index.parent.is_dir():
                raise ActionFailed(f"the folder `{target.index.parent}` is missing; is its volume mounted?")
            good = await workshop.newest_good(context)
            if good is None:
                return await _preview_of_build(context, summary)
            if target.source is None:
                loss = (f"vectors that came after {good.at}, if any: no `source` is declared to take them from",)
                count = good.facts["vectors"]
                return Preview(
                    summary=f"{summary} from the copy of {good.at}, {count} vectors", downtime_s=_PAUSE_S, loss=loss
                )
            differs = await workshop.difference(context, good.path)
        except ActionFailed as error:
            return Preview(summary=summary, blocked=str(error))
        then = f", then add {differs['missing']} vectors that are newer" if differs["missing"] else ""
        then += f", without {differs['orphans']} that the source lost" if differs["orphans"] else ""
        return Preview(summary=f"{summary} from the copy of {good.at}{then}", downtime_s=_PAUSE_S)

    async def apply(self, context: ActContext) -> Outcome:
        target, out = target_of(context), self._place(context)
        await _refuse_the_healthy(context, _DAMAGE)
        good = await workshop.newest_good(context)
        said: list[str] = []

        async def build(_aside: Path | None) -> Path:
            how = await workshop.recipe(context, good)
            was = workshop.described(context)
            if target.source is None:
                if good is None:
                    raise ActionFailed(f"there is neither a good copy of `{target.index.name}` nor a `source`")
                await in_thread(partial(write_whole, out, good.path, mode=0o600))
                said.append(f"as it was at {good.at}")
            else:
                said.append(await _from_copy_or_source(context, out, how, good))
            made = await workshop.describe(context, out, factory=how.factory, was=was)
            said.append(f"{made['vectors']} vectors, recall {100 * made['recall']:.0f} %")
            return out

        await self._exchange(context).make(build)
        return _outcome(context, self.name, "restored", said)


@action("vector.rebuild", risk=Risk.REVERSIBLE, tries=3)
class Rebuild(_Exchanging):
    """Build the index anew from every vector of its source, with the search settings of its manifest."""

    name = "rebuild"

    async def preview(self, context: ActContext) -> Preview:
        return await _preview_of_build(context, f"rebuild `{target_of(context).index.name}`")

    async def apply(self, context: ActContext) -> Outcome:
        out = self._place(context)
        await _refuse_the_healthy(context, _REBUILT)
        said: list[str] = []

        async def build(_aside: Path | None) -> Path:
            how = await workshop.recipe(context, None)
            built = await workshop.build(context, out, how)
            made = await workshop.describe(context, out, factory=how.factory, was=workshop.described(context))
            again = f", going on after {built['resumed']}" if built["resumed"] else ""
            said.append(f"{made['vectors']} vectors from its source{again}, recall {100 * made['recall']:.0f} %")
            return out

        await self._exchange(context).make(build)
        return _outcome(context, self.name, "rebuilt", said)


@action("vector.add-missing", risk=Risk.REVERSIBLE, tries=3)
class AddMissing(_Exchanging):
    """Add the vectors that only the source has."""

    name = "add-missing"

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        summary = f"add what `{target.index.name}` lacks"
        try:
            differs = await workshop.difference(context, target.index)
            if why := differs.get("abstains"):
                raise ActionFailed(f"the index {why}; restore it first")
        except (ActionFailed, OSError) as error:
            return Preview(summary=summary, blocked=str(error))
        if not differs["missing"]:
            return Preview(summary=summary, blocked="nothing is missing")
        lost = f"{differs['orphans']} vectors of the index that its source has no longer"
        return Preview(
            summary=f"add {differs['missing']} vectors of its source to `{target.index.name}`",
            downtime_s=_PAUSE_S,
            loss=(lost,) if differs["orphans"] else (),
        )

    async def apply(self, context: ActContext) -> Outcome:
        target, out = target_of(context), self._place(context)
        said: list[str] = []

        async def build(aside: Path | None) -> Path:
            if aside is None:
                raise ActionFailed(f"`{target.index}` is gone; restore it instead")
            how = await workshop.recipe(context, None)
            built = await workshop.build(context, out, how, base=aside)
            if not built["added"]:
                raise ActionFailed("stale: nothing is missing by now")
            made = await workshop.describe(context, out, factory=how.factory)
            said.append(f"{built['added']} vectors more, {made['vectors']} in all")
            return out

        await self._exchange(context).make(build)
        return _outcome(context, self.name, "completed", said)


@action("vector.compact", risk=Risk.REVERSIBLE, tries=3)
class Compact(_Exchanging):
    """Take out what the source has lost; with ``to`` (``sq8``, ``pq``) store the vectors in fewer bytes, too."""

    name = "compact"

    async def preview(self, context: ActContext) -> Preview:
        target, to = target_of(context), _wanted(context)
        summary = f"compact `{target.index.name}`"
        loss: list[str] = []
        try:
            facts = await workshop.facts_of(target.index, context.limit_s)
            if facts is None:
                raise ActionFailed("the index cannot be loaded; restore it first")
            if target.source:
                differs = await workshop.difference(context, target.index)
                if differs.get("orphans"):
                    loss.append(f"{differs['orphans']} vectors of the index that its source has no longer")
            if to is None and not loss:
                raise ActionFailed("there is nothing to take out; `to: sq8` or `to: pq` stores it in fewer bytes")
        except (ActionFailed, OSError) as error:
            return Preview(summary=summary, blocked=str(error))
        if to:
            numbers = {name: float(facts[name]) for name in ("vectors", "dimension", "bytes_a_vector")}
            size = target.index.stat().st_size
            smaller = sizes.after({**numbers, "size_mb": size / 1e6}).get(to)
            if smaller is None:
                return Preview(summary=summary, blocked=f"it would not be smaller with {to.upper()}")
            summary += f": {amount(size)} become {amount(smaller)} with {to.upper()}"
            loss.append(f"exactness: {facts['bytes_a_vector']} bytes a vector become {_bytes(to, facts)}")
        return Preview(summary=summary, downtime_s=_PAUSE_S, loss=tuple(loss))

    async def apply(self, context: ActContext) -> Outcome:
        target, out, to = target_of(context), self._place(context), _wanted(context)
        said: list[str] = []

        async def build(aside: Path | None) -> Path:
            if aside is None:
                raise ActionFailed(f"`{target.index}` is gone; restore it instead")
            how = await workshop.recipe(context, None)
            if to is None:
                built = await _without_orphans(context, out, how, aside)
                said.append(f"without {built} vectors")
                made = await workshop.describe(context, out, factory=how.factory)
            else:
                facts = await workshop.facts_of(aside, context.limit_s)
                if facts is None:
                    raise ActionFailed("the index cannot be loaded; restore it first")
                smaller = Recipe(factory=_smaller(facts, to), metric=how.metric, search=how.search)
                own: dict[str, object] = {"kind": "index", "place": str(aside)}
                await workshop.build(context, out, smaller, source=None if target.source else own)
                was = await workshop.description_of(context, aside)
                made = await workshop.describe(context, out, factory=smaller.factory, was=was, grows=False)
                said.append(f"{amount(aside.stat().st_size)} are {amount(out.stat().st_size)}")
            said.append(f"{made['vectors']} vectors, recall {100 * made['recall']:.0f} %")
            return out

        await self._exchange(context).make(build)
        return _outcome(context, self.name, "compacted", said)


@action("vector.initialize", risk=Risk.DISRUPTIVE)
class Initialize(_Exchanging):
    """Start again with an empty index of the declared dimension, metric and type."""

    name = "initialize"

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        summary = f"put an empty index in the place of `{target.index.name}`"
        if not target.dimension:
            return Preview(summary=summary, blocked="its `dimension` must be declared")
        if target.index.exists() and not context.params.get("force"):
            return Preview(summary=summary, blocked="there is an index; `--force` sets it aside and starts again")
        facts = await workshop.facts_of(target.index, context.limit_s) if target.index.exists() else None
        count = f"all {facts['vectors']} vectors" if facts else "everything"
        loss = (f"{count} of the index in place, which is set aside",) if target.index.exists() else ()
        return Preview(summary=summary, downtime_s=_PAUSE_S, loss=loss)

    async def apply(self, context: ActContext) -> Outcome:
        target, out = target_of(context), self._place(context)
        how = await workshop.recipe(context, None)

        async def build(aside: Path | None) -> Path:
            if aside is not None and not context.params.get("force"):
                raise ActionFailed("stale: there is an index by now")
            try:
                await ask(
                    "initialize",
                    context.limit_s,
                    out_path=out,
                    factory=how.factory,
                    dimension=target.dimension,
                    metric=how.metric,
                    source=source_order(context),
                )
            except NoAnswer as error:
                raise ActionFailed(str(error)) from None
            await workshop.describe(context, out, factory=how.factory)
            return out

        await self._exchange(context).make(build)
        return _outcome(context, self.name, "initialized", [f"empty, `{how.factory}`"])


@action("vector.describe", risk=Risk.REVERSIBLE)
class Describe:
    """Write the manifest of the index as it is now: from then on it must stay like that."""

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        summary = f"write the manifest of `{target.index.name}`"
        facts = await workshop.facts_of(target.index, context.limit_s) if target.index.is_file() else None
        if facts is None:
            return Preview(summary=summary, blocked="the index cannot be loaded; restore it first")
        if not facts["is_trained"] or facts["strange"]:
            return Preview(summary=summary, blocked="the index is not whole; restore it first")
        return Preview(summary=f"{summary}: {facts['vectors']} vectors of {facts['dimension']} numbers")

    async def apply(self, context: ActContext) -> Outcome:
        target, notes = target_of(context), Notes(context, "describe")
        draft, old = notes.folder / "described", notes.folder / "before"
        was = workshop.described(context)
        try:
            made = await ask(
                "describe",
                context.limit_s,
                path=target.index.absolute(),
                out_path=draft,
                embedding=target.embedding or (was.embedding if was else ""),
                factory=target.type or "",
                keep_search={},
            )
        except NoAnswer as error:
            raise ActionFailed(str(error)) from None
        if target.manifest_path.exists() and not old.exists():
            write_whole(old, target.manifest_path, mode=0o600)
        notes.note(after=draft.read_text())
        context.checkpoint("mid-act")
        seen = target.index.stat()
        try:
            write_whole(target.manifest_path, draft, mode=seen.st_mode & 0o777, uid=seen.st_uid, gid=seen.st_gid)
        except OSError as error:
            raise ActionFailed(f"`{target.manifest_path}` could not be written: {error.strerror}") from None
        said = f"{made['vectors']} vectors, {made['golden']} golden queries, recall {100 * made['recall']:.0f} %"
        return Outcome(summary=f"described `{target.index.name}`: {said}", output={"recall": made["recall"]})

    async def reconcile(self, context: ActContext) -> DidIt:
        target, after = target_of(context), Notes(context, "describe").get("after")
        if after is None or not target.manifest_path.exists():
            return DidIt.NO
        return DidIt.YES if target.manifest_path.read_text() == after else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the protocol's shape
        target, notes = target_of(context), Notes(context, "describe")
        if await self.reconcile(context) is not DidIt.YES:
            return "the manifest is as it was"
        old = notes.folder / "before"
        if old.exists():
            write_whole(target.manifest_path, old, mode=target.manifest_path.stat().st_mode & 0o777)
            return "put the manifest back as it was before"
        target.manifest_path.unlink(missing_ok=True)
        return "removed the manifest, which was not there before"


async def _preview_of_build(context: ActContext, summary: str) -> Preview:
    """A build from the source takes back what somebody changed in an index that still works."""
    target = target_of(context)
    try:
        workshop.needed_source(context)
        how = await workshop.recipe(context, None)
        loss: list[str] = []
        facts = await workshop.facts_of(target.index, context.limit_s) if target.index.is_file() else None
        if facts and facts["is_trained"] and facts["vectors"] and not facts["strange"]:
            was = workshop.described(context)
            is_as_described = was is not None and await in_thread(workshop.is_same, target.index, was.sha256)
            if not is_as_described and facts["search"] != how.search:
                settings = ", ".join(f"{name} {value}" for name, value in facts["search"].items())
                loss.append(f"the search settings that somebody chose since its manifest was made: {settings}")
            differs = await workshop.difference(context, target.index)
            if differs.get("orphans"):
                loss.append(f"{differs['orphans']} vectors of the index that its source has not")
            loss.append("whatever was changed in vectors of an index that still answers")
    except ActionFailed as error:
        return Preview(summary=summary, blocked=str(error))
    return Preview(
        summary=f"{summary} from its source as `{how.factory}`", downtime_s=_PAUSE_S, loss=tuple(dict.fromkeys(loss))
    )


async def _from_copy_or_source(context: ActContext, out: Path, how: Recipe, good: Good | None) -> str:
    if good:
        try:
            built = await workshop.build(context, out, how, base=good.path)
        except ActionFailed:
            pass  # such an index gives no vector up, or only places tell its vectors apart
        else:
            return f"as it was at {good.at}, with {built['added']} newer vectors and without {built['removed']} old"
    built = await workshop.build(context, out, how)
    return "built from its source"


async def _without_orphans(context: ActContext, out: Path, how: Recipe, aside: Path) -> int:
    differs = await workshop.difference(context, aside)
    if not differs.get("orphans"):
        raise ActionFailed("stale: there is nothing to take out by now")
    try:
        built = await workshop.build(context, out, how, base=aside)
    except ActionFailed:
        await workshop.build(context, out, how)
    else:
        return int(built["removed"])
    return int(differs["orphans"])


async def _refuse_the_healthy(context: ActContext, troubles: tuple[codes.Code, ...]) -> None:
    """What an operator orders is done in any case; what heals is not done to what is well by now."""
    if not context.params.get("ordered") and await workshop.is_well(context, tuple(each.id for each in troubles)):
        raise ActionFailed(f"stale: `{target_of(context).index.name}` is well by now")


def _wanted(context: ActContext) -> str | None:
    to = context.params.get("to")
    return str(to) if to in ("sq8", "pq") else None


def _bytes(to: str, facts: Mapping[str, int]) -> int:
    return facts["dimension"] if to == "sq8" else pieces(facts["dimension"])


def _smaller(facts: Mapping[str, str], to: str) -> str:
    """The factory's words for the same index with smaller vectors."""
    *before, _stored = facts["factory"].split(",")
    return ",".join((*before, "SQ8" if to == "sq8" else f"PQ{pieces(int(facts['dimension']))}np"))


def _outcome(context: ActContext, name: str, verb: str, said: list[str]) -> Outcome:
    notes = Notes(context, name)
    aside = notes.get("aside")
    where = f"; the old one is in `{aside}`" if aside else ""
    return Outcome(summary=f"{verb} `{target_of(context).index.name}`: {', '.join(said)}{where}")
