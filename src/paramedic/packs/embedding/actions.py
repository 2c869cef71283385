"""Records what an embedding model says while all is well."""

from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.embedding.manifest import CANARIES, Canary, Manifest, NoManifest, read_manifest
from paramedic.packs.embedding.target import Embedding
from paramedic.packs.embedding.vectors import what_is_wrong
from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.llm.ledger import CannotKeep, Ledger, TooDear
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Permit, Preview, Risk, action, replacing

_LIMIT_S = 20.0


@action("embedding.record", risk=Risk.REVERSIBLE)
class Record:
    """Record the vectors of the canary texts: the model is the right one, and from now on has to stay so.

    An earlier manifest is set aside; undoing brings it back.
    """

    async def preview(self, context: ActContext) -> Preview:
        try:
            _, path = _target(context)
        except ActionFailed as error:
            return Preview(summary="record the embedding model", blocked=str(error))
        replacing.foresee(context, path)
        try:
            earlier = f", in the place of those of {read_manifest(path).recorded_at[:19]}"
        except (OSError, NoManifest):
            earlier = ""
        return Preview(summary=f"record the vectors of {len(CANARIES)} texts in `{path.name}`{earlier}")

    async def apply(self, context: ActContext) -> Outcome:
        server, path = _target(context)
        replacing.refuse_if_stale(context, path)
        vectors = await _vectors(server, context)
        manifest = Manifest(
            model=server.model,
            dimension=len(vectors[0].vector),
            recorded_at=context.clock.now().isoformat(timespec="seconds"),
            canaries=vectors,
        )
        replacing.replace(context, path, manifest.content, mode=0o644)
        return Outcome(summary=f"recorded {len(vectors)} vectors of {manifest.dimension} numbers")

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # after a crash there is none
        try:
            read_manifest(_target(context)[1])
        except (OSError, NoManifest) as error:
            raise ActionFailed(str(error)) from None

    async def reconcile(self, context: ActContext) -> DidIt:
        return replacing.reconcile(context, _target(context)[1])

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        del output  # the note outlives a crash
        return replacing.put_back(context, _target(context)[1])


def _target(context: ActContext) -> tuple[Embedding, Path]:
    target = context.component.target
    if not isinstance(target, Embedding):
        raise ActionFailed(f"`{context.component.name}` is no embedding server")
    if target.manifest is None:
        raise ActionFailed("the service file names no `manifest` for it")
    if not target.is_near and Permit.SPENDS not in context.service.permits:
        raise ActionFailed("its tokens cost money, and the service file does not say `permits: [spends]`")
    return target, target.manifest


async def _vectors(server: Embedding, context: ActContext) -> tuple[Canary, ...]:
    from paramedic.packs.embedding.asking import embed
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import

    ledger = Ledger(context.service.settings, server)
    try:
        async with Line(server, context.clock) as line:
            said = await embed(line, server, ledger, CANARIES, limit_s=_LIMIT_S, clock=context.clock)
    except (NoAnswer, TooDear, CannotKeep) as error:
        raise ActionFailed(f"the texts could not be embedded: {error}") from None
    if said.vectors is None:
        raise ActionFailed(f"the server answered {said.answer.title} and no vectors")
    if len({len(each) for each in said.vectors}) != 1:
        raise ActionFailed("its vectors have different lengths")
    if server.dimension not in (None, len(said.vectors[0])):
        raise ActionFailed(f"its vectors have {len(said.vectors[0])} numbers, and {server.dimension} are declared")
    if wrong := what_is_wrong(said.vectors):
        raise ActionFailed(f"its vectors are no embeddings: {wrong}")
    return tuple(Canary(text=text, vector=vector) for text, vector in zip(CANARIES, said.vectors, strict=True))
