"""Are the disks that the service writes to running full?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import Pace, Volume, amount, duration, places, read
from paramedic.sdk import Code, Context, Ending, Evidence, Finding, IssueType, check
from paramedic.sdk.blocking import in_thread

DISK_FULL = Code(
    id="disk.full",
    type=IssueType.RESOURCE,
    summary="a disk that the service writes to is nearly or wholly full",
    depth=3,
)
DISK_INODES = Code(
    id="disk.inodes",
    type=IssueType.RESOURCE,
    summary="a disk has space, but can hold hardly any more files",
    ending=Ending.ADVISE,
    depth=3,
)
PERCENT = 90.0
PERCENT_CRITICAL = 97.0


@check(DISK_FULL, of=Host, timeout_s=5, every_s=10)
async def disk_space(host: Host, context: Context) -> list[Finding]:
    """The disks that the service writes to have space left.

    Looks at: the file systems of the service file's folder, of Paramedic's state, and of the declared ``paths``;
    warning from ``disk_percent`` (90), critical from ``disk_percent_critical`` (97), counted as ``df`` does.
    Why: databases, logs and uploads fail in confusing ways when a write finds no space.
    By hand: ``df -h PATH``; what takes the space: ``du -xh --max-depth=2 PATH | sort -h | tail``
    Healed by: free-disk, which deletes only what ``prunable`` declares and Paramedic's own expired files.
    """
    volumes, unseen = await in_thread(read, places(host, context.service))
    if not volumes:
        return _unseen(unseen, context)
    full_in_s = {each.device: _pace(each, context).full_in_s(context.clock.monotonic(), each) for each in volumes}
    worst = max(volumes, key=lambda each: each.percent)
    left_s = full_in_s[worst.device]
    forecast = f"at the pace seen so far it is full in about {duration(left_s)}" if left_s is not None else ""
    observed = f"{worst.percent:.1f} % of the disk of `{worst.paths[0]}` is used, {amount(worst.free)} are free"
    limit, limit_critical = _limits("disk_percent", context)
    if worst.percent < limit:
        found = context.ok(f"{observed}; {forecast}" if forecast else observed, disk_percent=worst.percent)
    else:
        found = (context.critical if worst.percent >= limit_critical else context.warning)(
            DISK_FULL,
            observed=observed,
            expected=f"less than {limit:g} %",
            because=forecast,
            hint=f"find what takes the space with `du -xh --max-depth=2 {worst.paths[0]} | sort -h | tail`"
            + ("" if host.prunable else ", and name under `prunable` what may be deleted"),
            evidence=(_table(volumes),),
            path=worst.paths[0],
            disk_percent=worst.percent,
        )
    if left_s is not None:
        found = replace(found, measures={**found.measures, "full_in_s": left_s})
    return [found, *_unseen(unseen, context)]


@check(DISK_INODES, of=Host, timeout_s=5, every_s=10)
async def disk_inodes(host: Host, context: Context) -> list[Finding]:
    """The disks that the service writes to can hold more files.

    Looks at: used inodes of the same file systems as the check of disk space; warning from ``inodes_percent`` (90),
    critical from ``inodes_percent_critical`` (97). File systems without such a limit are always well.
    Why: a disk that can hold no more files says "no space left" while ``df -h`` shows plenty.
    By hand: ``df -i PATH``; where the files are: ``du -x --inodes --max-depth=2 PATH | sort -n | tail``
    Healed by: nothing automatic; the finding says where to look.
    """
    volumes, unseen = await in_thread(read, places(host, context.service))
    if not volumes:
        return _unseen(unseen, context)
    worst = max(volumes, key=lambda each: each.inodes_percent)
    observed = (
        f"{worst.inodes_percent:.1f} % of the inodes of the disk of `{worst.paths[0]}` are used"
        if worst.inodes
        else "no disk has a limit of inodes"
    )
    limit, limit_critical = _limits("inodes_percent", context)
    if worst.inodes_percent < limit:
        return [context.ok(observed, inodes_percent=worst.inodes_percent), *_unseen(unseen, context)]
    tell = context.critical if worst.inodes_percent >= limit_critical else context.warning
    found = tell(
        DISK_INODES,
        observed=f"{observed}, {worst.inodes_free} of {worst.inodes} are left",
        expected=f"less than {limit:g} %",
        because=f"there are {amount(worst.free)} of space left, but hardly any file more can be made",
        hint=f"find the many files with `du -x --inodes --max-depth=2 {worst.paths[0]} | sort -n | tail` "
        "and delete what is not needed",
        evidence=(_table(volumes),),
        path=worst.paths[0],
        inodes_percent=worst.inodes_percent,
    )
    return [found, *_unseen(unseen, context)]


def _pace(volume: Volume, context: Context) -> Pace:
    pace = context.memory.setdefault(f"pace of {volume.device}", Pace())
    if not isinstance(pace, Pace):  # never: only this function sets it
        raise TypeError(type(pace).__name__)
    return pace


def _limits(name: str, context: Context) -> tuple[float, float]:
    return context.threshold(name, PERCENT), context.threshold(f"{name}_critical", PERCENT_CRITICAL)


def _table(volumes: tuple[Volume, ...]) -> Evidence:
    rows = [
        f"{each}: {each.percent:.1f} % of {amount(each.size)} used, {each.inodes_percent:.1f} % of inodes"
        for each in sorted(volumes, key=lambda each: -each.percent)
    ]
    return Evidence(label="disks", text="\n".join(rows))


def _unseen(unseen: Mapping[Path, str], context: Context) -> list[Finding]:
    return [
        context.unknown(f"`{path}` cannot be looked at: {reason}", hint="create it, or correct `paths`")
        for path, reason in unseen.items()
    ]
