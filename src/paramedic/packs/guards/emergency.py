"""Every overlay off in an emergency, for what runs and for what is started meanwhile; and back again."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from paramedic.guard.flags import BASELINE
from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import read_whole, write_whole

_BASELINE = "baseline"
_AS_JSON = b'{"overlays": {}}\n'
_LONGEST_BYTES = 1 << 20


@action("flags.enter-emergency", risk=Risk.REVERSIBLE)
class EnterEmergency:
    """Turn every overlay off: in the running processes at once, and in the file of flags for those started later.

    The file is replaced by ``emergency_baseline.yaml`` beside it (a file of JSON by ``emergency_baseline.json``), which
    is written where there is none; what it held stays beside it as ``….before-emergency``.
    """

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        flags = await _on(context)
        names = sorted({f"`{name}`" for each in flags for name in each.shows["active"]})
        pids = ", ".join(str(each.process.pid) for each in flags)
        parts = [f"turn every overlay off in pid {pids} ({', '.join(names) or 'none is on'})"] if flags else []
        if target.flags is not None and await in_thread(_is_to_be_replaced, target.flags):
            parts.append(f"put `{_baseline_of(target.flags).name}` in the place of `{target.flags.name}`")
        return Preview(
            summary="; ".join(parts) or "turn every overlay off",
            blocked=None if parts else "every overlay is off already",
        )

    async def apply(self, context: ActContext) -> Outcome:
        target = target_of(context)
        told = await in_thread(_enter, target.flags) if target.flags is not None else ""
        context.checkpoint("mid-act")
        flags = await _on(context)
        for each in flags:
            await order(context, each, "baseline", active=True)
        pids: list[Json] = [each.process.pid for each in flags]
        return Outcome(
            summary=f"every overlay is off in {len(pids)} processes{told}",
            output={"pids": pids},
        )

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output
        if still := [each.where for each in await seen(target_of(context), context, "flags") if each.shows["active"]]:
            raise ActionFailed(f"overlays are still on: {', '.join(still)}")

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO  # done a second time, it changes nothing more

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        return await _leave(context, output.get("pids"))


@action("flags.leave-emergency", risk=Risk.REVERSIBLE)
class LeaveEmergency:
    """Let file and environment decide about overlays again, with the file as it was before the emergency.

    Params: ``pids`` of the processes that were told to turn everything off. A file that somebody changed meanwhile
    stays as it is.
    """

    async def preview(self, context: ActContext) -> Preview:
        target = target_of(context)
        flags = await _told(context, context.params.get("pids"))
        parts = [f"let file and environment decide again in pid {', '.join(str(each.process.pid) for each in flags)}"]
        if not flags:
            parts = []
        if target.flags is not None and _before(target.flags).exists():
            parts.append(f"put back what `{target.flags.name}` held")
        return Preview(summary="; ".join(parts) or "nothing: no overlay was turned off")

    async def apply(self, context: ActContext) -> Outcome:
        context.checkpoint("mid-act")
        return Outcome(summary=await _leave(context, context.params.get("pids")))

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.NO  # as above


async def _leave(context: ActContext, pids: Json) -> str:
    target = target_of(context)
    told = await in_thread(_put_back, target) if target.flags is not None else ""
    flags = await _told(context, pids)
    for each in flags:
        await order(context, each, "baseline", active=False)
    return f"file and environment decide again in {len(flags)} processes{told}"


async def _on(context: ActContext) -> list[Guard]:
    """The flags of processes that are not at the baseline yet."""
    return [each for each in await seen(target_of(context), context, "flags") if not _is_off(each)]


async def _told(context: ActContext, pids: Json) -> list[Guard]:
    """The flags of these processes, where they are at the baseline."""
    wanted = pids if isinstance(pids, list) else []
    found = await seen(target_of(context), context, "flags")
    return [each for each in found if each.process.pid in wanted and _is_off(each)]


def _is_off(guard: Guard) -> bool:
    return bool(guard.shows["decided_by"] == _BASELINE)


def _baseline_of(flags: Path) -> Path:
    return flags.with_name(f"emergency_baseline{'.json' if _is_json(flags) else '.yaml'}")


def _is_json(flags: Path) -> bool:
    return flags.suffix == ".json"


def _shipped(flags: Path) -> bytes:
    return _AS_JSON if _is_json(flags) else BASELINE.read_bytes()


def _before(flags: Path) -> Path:
    return flags.with_name(f"{flags.name}.before-emergency")


def _content(path: Path) -> bytes | None:
    try:
        return read_whole(path, _LONGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ActionFailed(f"`{path}` cannot be read: {error.strerror or error}") from None


def _is_to_be_replaced(flags: Path) -> bool:
    now = _content(flags)
    return now is not None and now != (_content(_baseline_of(flags)) or _shipped(flags))


def _enter(flags: Path) -> str:
    baseline = _baseline_of(flags)
    now, wanted = _content(flags), _content(baseline)
    try:
        if wanted is None:
            wanted = _shipped(flags)
            write_whole(baseline, wanted, mode=0o644)
        if now is None or now == wanted:
            return ""
        seen = flags.stat()
        if not _before(flags).exists():
            write_whole(_before(flags), now, mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)
        write_whole(flags, wanted, mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)
    except OSError as error:
        raise ActionFailed(f"`{flags}` could not be replaced: {error.strerror or error}") from None
    return f"; `{flags.name}` holds the baseline, and `{_before(flags).name}` what it held"


def _kept_aside(before: Path) -> Path:
    """Out of the way of the next emergency, which is to keep what the file holds then."""
    names = (before.with_name(f"{before.name}.{number}") for number in count(1))
    kept = next(each for each in names if not each.exists())
    before.rename(kept)
    return kept


def _put_back(target: Guards) -> str:
    flags = target.flags
    assert flags is not None, "it is asked first"
    before, now = _before(flags), _content(flags)
    held = _content(before)
    if held is None:
        return ""
    if now not in (None, held, _content(_baseline_of(flags))):
        try:
            kept = _kept_aside(before)
        except OSError as error:
            raise ActionFailed(f"`{before}` could not be kept aside: {error.strerror or error}") from None
        return f"; `{flags.name}` was changed since and stays, what it held before is in `{kept.name}`"
    try:
        seen = before.stat()
        write_whole(flags, held, mode=seen.st_mode & 0o7777, uid=seen.st_uid, gid=seen.st_gid)
        before.unlink()
    except OSError as error:
        raise ActionFailed(f"`{flags}` could not be put back: {error.strerror or error}") from None
    return f"; `{flags.name}` is as it was"
