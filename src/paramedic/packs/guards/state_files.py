"""The state files of budgets: read without changing anything, and mended where no process does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic.guard.ledger import Ledger
from paramedic.guard.outside import mend
from paramedic.guard.state_file import Damaged, state_in
from paramedic.guard.tripwire import check_state
from paramedic.packs.guards import codes
from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, ActionFailed, Context, DidIt, Finding, Json, Outcome, Preview, Risk, action, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import TooLarge, read_whole

_LIMIT_BYTES = 10_000_000
_ASIDE = ".corrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a file says."""

    path: Path
    content: Mapping[str, Any]  # Any: plain JSON values


@check(codes.STATE_CORRUPT, of=Guards, timeout_s=5, every_s=5, id="guards.states")
async def states(target: Guards, context: Context) -> list[Finding]:
    """The state files of budgets hold states.

    Looks at: the declared state files and those that running processes name, and what processes have set aside beside
    them because it was damaged.
    Why: without its state a budget forgets what was spent today and that a downgrade is active.
    By hand: ``python -m json.tool .fusion_tripwire_state.json``; ``ls .fusion_tripwire_state.json*``
    Healed by: repair-tripwire-state
    """
    paths = await _paths(target, context)
    try:
        damaged = await in_thread(_damaged, paths)
    except OSError as error:
        return [context.unknown(f"a state file cannot be read: {error.strerror or error}")]
    if not damaged:
        return [context.ok(f"{len(paths)} state files", files=float(len(paths)))]
    path, reason = next(iter(damaged.items()))
    is_in_use = path in paths
    return [
        (context.critical if is_in_use else context.warning)(
            codes.STATE_CORRUPT,
            observed=f"`{path.name}` holds no state" if is_in_use else f"`{path.name}` was set aside: it held no state",
            expected="a JSON object with the state of the budget",
            because=reason,
            hint="`paramedic budget repair` writes a whole one",
            path=path,
        )
    ]


async def _paths(target: Guards, context: Context | ActContext) -> list[Path]:
    """Every state file, whoever names it."""
    shown = await seen(target, context, "budget")
    named = [Path(each.shows["state_file"]) for each in shown]
    own = [each.absolute() for each in (target.tripwire, target.energy) if each]
    return list(dict.fromkeys([*own, *named]))


def _damaged(paths: Sequence[Path]) -> dict[Path, str]:
    """What holds no state, and why: files in use first, then what was set aside."""
    found = {}
    for path in paths:
        try:
            read_state(path)
        except Damaged as error:
            found[path] = str(error)
    return found | dict.fromkeys(asides(paths), "a process found it damaged and went on without it")


def asides(paths: Sequence[Path]) -> list[Path]:
    """What processes set aside beside their state files."""
    return sorted(each for path in paths for each in path.parent.glob(f"{path.name}{_ASIDE}*"))


def read_state(path: Path) -> Mapping[str, Any] | None:  # Any: plain JSON values
    """What a state file holds, ``None`` where there is none.

    Raises:
        Damaged: it holds no state.
        OSError: it cannot be read.
    """
    try:
        return check_state(state_in(read_whole(path, _LIMIT_BYTES)))
    except FileNotFoundError:
        return None
    except TooLarge as error:
        raise Damaged("it is far too large") from error


def unseen_files(target: Guards, held: Sequence[Guard]) -> list[State]:
    """The states of declared files that no running process shows; what cannot be read is another check's matter."""
    shown = {Path(each.shows["state_file"]).resolve() for each in held}
    found = []
    for path in (target.tripwire, target.energy):
        if path is None or path.resolve() in shown:
            continue
        try:
            content = read_state(path)
        except (Damaged, OSError):
            continue
        if content is not None:
            found.append(State(path=path, content=content))
    return found


def change(path: Path, marks: dict[str, Any]) -> None:
    """Change a state in its file, whole and under its lock; a running process takes it over.

    Raises:
        ActionFailed: it cannot be written.
    """
    troubles: list[str] = []
    ledger = Ledger(path.absolute(), check_state, lambda _kind, because: troubles.append(because))
    with ledger.change() as state:
        state.update(marks)
    if troubles:
        raise ActionFailed("; ".join(troubles))


@action("budget.repair-state", risk=Risk.REVERSIBLE)
class RepairState:
    """Put whole states in place of damaged ones; what was damaged is kept among the copies of Paramedic."""

    async def preview(self, context: ActContext) -> Preview:
        damaged = await _wrong(context)
        names = ", ".join(f"`{each.name}`" for each in damaged)
        return Preview(summary=f"repair {names}" if names else "repair nothing: every state file is whole")

    async def apply(self, context: ActContext) -> Outcome:
        target = target_of(context)
        paths = await _paths(target, context)
        users = await seen(target, context, "budget")
        mended: list[Json] = []
        for path in [each for each in await _wrong(context) if each in paths]:
            guards = [each for each in users if Path(each.shows["state_file"]) == path]
            if path.exists():
                context.last_good.set_aside(path, "a damaged state")
            for each in guards:
                await order(context, each, "repair")
            if not guards:
                await in_thread(_mend, path)
            mended.append(str(path))
            context.checkpoint("mid-act")
        kept: list[Json] = []
        for aside in asides(paths):
            kept.append(str(context.last_good.set_aside(aside, "a damaged state that a process had set aside")))
            context.checkpoint("mid-act")
            aside.unlink(missing_ok=True)
        if left := [path for path in await _wrong(context) if path in paths]:
            raise ActionFailed(f"`{left[0]}` still holds no state")
        told = f"; what was damaged is in `{kept[0]}`" if kept else ""
        return Outcome(
            summary=f"every state file is whole: {len(mended)} written, {len(kept)} put away{told}",
            output={"mended": mended, "kept": kept},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _wrong(context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        return "nothing to take back: what held no state is of use to nobody, and is kept"


async def _wrong(context: ActContext) -> list[Path]:
    paths = await _paths(target_of(context), context)
    try:
        return list(await in_thread(_damaged, paths))
    except OSError as error:
        raise ActionFailed(f"a state file cannot be read: {error.strerror or error}") from None


def _mend(path: Path) -> None:
    try:
        mend(path)
    except OSError as error:
        raise ActionFailed(str(error)) from None
