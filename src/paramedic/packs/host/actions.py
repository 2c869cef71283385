"""Makes room on a disk that runs full."""

from collections.abc import Mapping
from dataclasses import dataclass

from paramedic.packs.host.checks import PERCENT
from paramedic.packs.host.expendable import Expendable, delete, expendable, open_files, patterns
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import Volume, amount, duration, places, read
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread

_LISTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    full: tuple[Volume, ...]
    """The file systems that are above the limit."""
    files: tuple[Expendable, ...]
    """What would be deleted, in this order."""
    why_not_more: tuple[str, ...]


@action("disk.free", risk=Risk.SAFE)
class Free:
    """Delete files that are declared expendable, oldest first, until the disk is below its limit.

    Deleted are files that match ``prunable`` and are older than ``prune_after``, and Paramedic's own reports and
    plans past their retention; nothing else. Links are not followed, and what a process has open stays.
    Only what the service file declares worthless can go, which is why the risk is `safe`. After a crash it simply
    goes on: there is nothing that could happen twice.
    """

    async def preview(self, context: ActContext) -> Preview:
        chosen = await in_thread(_choose, context)
        if not chosen.full:
            return Preview(summary="nothing: no disk is above its limit")
        if not chosen.files:
            return Preview(summary="delete nothing", blocked=_nothing(chosen))
        now = context.clock.now().timestamp()
        rows = [
            f"- {each.path} ({amount(each.size)}, {duration(now - each.changed_at)} old)"
            for each in chosen.files[:_LISTED]
        ]
        if len(chosen.files) > _LISTED:
            rows.append(f"… and {len(chosen.files) - _LISTED} more")
        total = sum(each.size for each in chosen.files)
        return Preview(summary=f"delete {len(chosen.files)} files, {amount(total)}", diff="\n".join(rows))

    async def apply(self, context: ActContext) -> Outcome:
        return await in_thread(_delete, context)

    async def reconcile(self, context: ActContext) -> DidIt:  # noqa: ARG002  # nothing needs to be known
        return DidIt.NO

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        before = output.get("percent_before")
        if not isinstance(before, float):
            return  # there was nothing to do
        volumes, _ = await in_thread(read, places(_host(context), context.service))
        now = max((each.percent for each in volumes), default=100.0)
        if now >= before:
            raise ActionFailed(f"the disk is as full as before ({now:.1f} %)")


def _host(context: ActContext) -> Host:
    if not isinstance(context.component.target, Host):
        raise ActionFailed(f"`{context.component.name}` is no host")
    return context.component.target


def _limit(context: ActContext) -> float:
    return context.component.thresholds.get("disk_percent", PERCENT)


def _choose(context: ActContext) -> _Chosen:
    """What to delete now. The numbers are those of this moment: a plan may be old when it runs."""
    host = _host(context)
    limit = _limit(context)
    volumes, _ = read(places(host, context.service))
    full = tuple(each for each in volumes if each.percent >= limit)
    if not full:
        return _Chosen(full=(), files=(), why_not_more=())
    usable, refused = patterns(host, context.service)
    candidates = expendable(usable, context.service, context.clock.now())
    in_use = open_files() if candidates else set()
    files: list[Expendable] = []
    for volume in full:
        missing = volume.used - limit / 100 * (volume.used + volume.free)
        for each in candidates:
            if missing < 0:
                break
            if each.device == volume.device and (each.device, each.inode) not in in_use:
                files.append(each)
                missing -= each.size
    return _Chosen(full=full, files=tuple(files), why_not_more=refused)


def _delete(context: ActContext) -> Outcome:
    chosen = _choose(context)
    if not chosen.full:
        return Outcome(summary="nothing to do: no disk is above its limit")
    before = max(each.percent for each in chosen.full)
    gone: list[Expendable] = []
    for each in chosen.files:
        if delete(each):
            gone.append(each)
            if len(gone) == 1:
                context.checkpoint("mid-act")
    if not gone:
        raise ActionFailed(_nothing(chosen))
    volumes, _ = read(path for each in chosen.full for path in each.paths)
    freed = sum(each.size for each in gone)
    after = max(each.percent for each in volumes)
    return Outcome(
        summary=f"deleted {len(gone)} files, {amount(freed)}; the disk went from {before:.1f} to {after:.1f} %",
        output={
            "files": [str(each.path) for each in gone[:_LISTED]],
            "count": len(gone),
            "bytes": freed,
            "percent_before": before,
            "percent_after": after,
        },
    )


def _nothing(chosen: _Chosen) -> str:
    where = ", ".join(str(each) for each in chosen.full)
    reasons = "; ".join(("nothing there is declared `prunable`, old enough and unused", *chosen.why_not_more))
    return f"nothing may be deleted on the disk of {where}: {reasons}"
