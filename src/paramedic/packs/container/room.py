"""More room for a unit: more instances of it, or more memory, where its owner can."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, owning
from paramedic.sdk.files import write_whole
from paramedic.sdk.owning import CannotAsk, owner_of
from paramedic.sdk.unit import Unit

_FACTOR = 1.5
_MIB = 1024 * 1024
_POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """One kind of room: what there is of it, and how its owner is told."""

    verb: str
    word: str
    what: str
    has: Callable[[Unit], int | None]
    wants: Callable[[ActContext, Unit], int]
    spell: Callable[[int], str]


def _more_memory(context: ActContext, unit: Unit) -> int:
    given = context.params.get("megabytes")
    if isinstance(given, int | float) and not isinstance(given, bool):
        return int(given * _MIB)
    factor = context.params.get("factor", _FACTOR)
    return int((unit.memory_bytes or 0) * (float(factor) if isinstance(factor, int | float) else _FACTOR))


def _more_instances(context: ActContext, unit: Unit) -> int:
    given = context.params.get("replicas")
    return int(given) if isinstance(given, int) and not isinstance(given, bool) else (unit.replicas or 0) + 1


_MEMORY = _Room(
    verb="limit",
    word="bytes",
    what="memory",
    has=lambda unit: unit.memory_bytes,
    wants=_more_memory,
    spell=lambda count: f"{count / _MIB:.0f} MiB",
)
_INSTANCES = _Room(
    verb="scale",
    word="replicas",
    what="instances",
    has=lambda unit: unit.replicas,
    wants=_more_instances,
    spell=str,
)


@action("container.raise-limit", risk=Risk.REVERSIBLE)
class RaiseLimit:
    """Grant the unit more memory through its owner: ``megabytes``, or its limit times ``factor`` (1.5)."""

    async def preview(self, context: ActContext) -> Preview:
        return await _preview(context, _MEMORY)

    async def apply(self, context: ActContext) -> Outcome:
        return await _apply(context, _MEMORY)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        await _verify(context, _MEMORY, output)

    async def reconcile(self, context: ActContext) -> DidIt:
        return await _reconcile(context, _MEMORY)

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        return await _undo(context, _MEMORY, output)


@action("container.scale-out", risk=Risk.REVERSIBLE)
class ScaleOut:
    """Run more instances of the unit through its owner: ``replicas``, or one more than now."""

    async def preview(self, context: ActContext) -> Preview:
        return await _preview(context, _INSTANCES)

    async def apply(self, context: ActContext) -> Outcome:
        return await _apply(context, _INSTANCES)

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        await _verify(context, _INSTANCES, output)

    async def reconcile(self, context: ActContext) -> DidIt:
        return await _reconcile(context, _INSTANCES)

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        return await _undo(context, _INSTANCES, output)


async def _preview(context: ActContext, room: _Room) -> Preview:
    try:
        before, wanted, argv = await _plan(context, room)
    except ActionFailed as error:
        return Preview(summary=f"more {room.what} for `{context.component.name}`", blocked=str(error))
    return Preview(
        summary=f"`{' '.join(argv)}`",
        diff=f"- {room.what}: {room.spell(before)}\n+ {room.what}: {room.spell(wanted)}\n",
    )


async def _plan(context: ActContext, room: _Room) -> tuple[int, int, tuple[str, ...]]:
    """What there is, what there will be, and the command for it.

    Raises:
        ActionFailed: its owner cannot do it, or there is nothing to raise.
    """
    owner, unit = owner_of(context.component), await _unit(context)
    before = room.has(unit)
    if not _argv(context, room, unit, 0):
        raise ActionFailed(f"{owner.manager} cannot be told how much {room.what} a unit gets")
    if before is None:
        raise ActionFailed(f"it has no limit of {room.what} that could be raised")
    wanted = room.wants(context, unit)
    if wanted <= before:
        raise ActionFailed(f"it has {room.spell(before)} already")
    return before, wanted, _argv(context, room, unit, wanted)


def _argv(context: ActContext, room: _Room, unit: Unit, count: int) -> tuple[str, ...]:
    return owning.command(owner_of(context.component), room.verb, box=unit.box, **{room.word: count})


async def _apply(context: ActContext, room: _Room) -> Outcome:
    before, wanted = _counts(context, {})  # of a try that a crash cut short: its command may land at any moment
    if wanted < 0:
        before, wanted, _ = await _plan(context, room)
        _memo(context).parent.mkdir(parents=True, exist_ok=True)
        write_whole(_memo(context), f"{before} {wanted}".encode(), mode=0o600)
    context.checkpoint("mid-act")
    if room.has(unit := await _unit(context)) != wanted:
        await owning.tell(_argv(context, room, unit, wanted), _folder(context), context.limit_s, context.token)
    return Outcome(
        summary=f"{room.what} of `{context.component.name}`: {room.spell(before)} -> {room.spell(wanted)}",
        output={"before": before, "wanted": wanted},
    )


async def _verify(context: ActContext, room: _Room, output: Mapping[str, Json]) -> None:
    _, wanted = _counts(context, output)
    deadline = context.clock.monotonic() + context.limit_s
    while (has := room.has(await _unit(context))) != wanted:
        if context.clock.monotonic() > deadline:
            raise ActionFailed(f"its owner still says {has}, not {wanted}")
        await context.clock.sleep(_POLL_S)


async def _reconcile(context: ActContext, room: _Room) -> DidIt:
    before, wanted = _counts(context, {})
    if wanted < 0:
        return DidIt.NO
    try:
        has = room.has(await _unit(context))
    except ActionFailed:
        return DidIt.CANNOT_TELL
    return {wanted: DidIt.YES, before: DidIt.NO}.get(-1 if has is None else has, DidIt.CANNOT_TELL)


async def _undo(context: ActContext, room: _Room, output: Mapping[str, Json]) -> str:
    before, wanted = _counts(context, output)
    unit = await _unit(context)
    if wanted < 0 or room.has(unit) != wanted:
        return f"{room.what} were changed by somebody else since, or never"
    await owning.tell(_argv(context, room, unit, before), _folder(context), context.limit_s, context.token)
    return f"{room.what} are {room.spell(before)} again"


def _counts(context: ActContext, output: Mapping[str, Json]) -> tuple[int, int]:
    """What there was and what was wanted: from the receipt, else from what was kept for a crash; -1 for nothing."""
    before, wanted = output.get("before"), output.get("wanted")
    if isinstance(before, int) and isinstance(wanted, int):
        return before, wanted
    try:
        kept = _memo(context).read_text().split()
        return int(kept[0]), int(kept[1])
    except (OSError, ValueError, IndexError):
        return -1, -1


async def _unit(context: ActContext) -> Unit:
    try:
        return await owning.look(context.component, _folder(context))
    except CannotAsk as error:
        raise ActionFailed(f"its owner cannot be asked: {error}") from None


def _memo(context: ActContext) -> Path:
    return context.workspace / f"room-{context.token}.txt"


def _folder(context: ActContext) -> Path:
    return context.service.path.parent
