"""Whether the disks of declared paths have room, and for how long."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paramedic.packs.files import codes
from paramedic.packs.files.seeing import nearest
from paramedic.packs.files.target import Entry, Files
from paramedic.sdk import Context, Finding, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.volume import Pace, Volume, amount, duration, read

_MB = 1_000_000


@check(codes.SPACE_LOW, codes.INODES_LOW, of=Files, timeout_s=10)
async def space(files: Files, context: Context) -> Sequence[Finding]:
    """The disks of declared files and folders have the room that is asked for.

    Looks at: the file system of each path (of the nearest folder above it, where it is missing), counted as ``df``
    does, against ``min_free``, ``max_used_percent`` and ``max_used_inodes_percent``; with ``full_within`` also when
    it will be full at the pace of the last half hour. Without such keys nothing is judged.
    Why: what is enough for a log is not enough for the nightly copy of a database; the part that needs it knows.
    By hand: ``df -h PATH; df -i PATH``; what takes the space: ``du -xh --max-depth=2 PATH | sort -h | tail``
    Healed by: nothing automatic; a component of the kind host knows what may be deleted.
    """
    places = await in_thread(_places, files)
    volumes, unseen = await in_thread(read, places.values())
    by_path = {path: volume for volume in volumes for path in volume.paths}
    now = context.clock.monotonic()
    full_in_s = {each.device: _pace(each, context).full_in_s(now, each) for each in volumes}
    found = []
    for entry in files.entries:
        volume = by_path.get(places[entry.path])
        if volume:
            found += _judge(entry, volume, full_in_s[volume.device], context)
    found += [context.unknown(f"the disk of `{path}` cannot be looked at: {why}") for path, why in unseen.items()]
    if found:
        return found
    worst = max(volumes, key=lambda each: each.percent, default=None)
    if worst is None:
        return [context.ok("no path lies on a file system that could run full")]
    left_s = full_in_s[worst.device]
    told = f"{worst.percent:.1f} % of the disk of `{worst.paths[0]}` is used, {amount(worst.free)} are free"
    fine = context.ok(
        f"{told}; {_forecast(left_s)}" if left_s is not None else told,
        used_percent=worst.percent,
        free_mb=worst.free / _MB,
        inodes_percent=worst.inodes_percent,
    )
    return [_with(left_s, fine)]


def _places(files: Files) -> dict[Path, Path]:
    """Each path to what can be asked for its file system."""
    return {each.path: nearest(_plain(each)) for each in files.entries}


def _plain(entry: Entry) -> Path:
    """Of a pattern the part without wildcards."""
    path = entry.path
    while entry.is_pattern and any(each in str(path) for each in "*?["):
        path = path.parent
    return path


def _judge(entry: Entry, volume: Volume, left_s: float | None, context: Context) -> list[Finding]:
    limits = []
    if entry.min_free_bytes is not None and volume.free < entry.min_free_bytes:
        limits.append(f"at least {amount(entry.min_free_bytes)} free")
    if entry.max_used_percent is not None and volume.percent > entry.max_used_percent:
        limits.append(f"at most {entry.max_used_percent:g} % used")
    is_soon = entry.full_within_s is not None and left_s is not None and left_s < entry.full_within_s
    if is_soon:
        limits.append(f"room for longer than {duration(entry.full_within_s or 0)}")
    found = []
    if limits:
        tell = context.critical if len(limits) > is_soon else context.warning
        found.append(
            tell(
                codes.SPACE_LOW,
                observed=f"the disk of `{entry.path}` has {amount(volume.free)} free, {volume.percent:.1f} % are used",
                expected=" and ".join(limits),
                because=_forecast(left_s) if left_s is not None else "",
                hint=f"find what takes the space with `du -xh --max-depth=2 {nearest(entry.path)} | sort -h | tail`",
                path=entry.path,
                used_percent=volume.percent,
                free_mb=volume.free / _MB,
            )
        )
        found[-1] = _with(left_s, found[-1])
    if entry.max_used_inodes_percent is not None and volume.inodes_percent > entry.max_used_inodes_percent:
        found.append(
            context.critical(
                codes.INODES_LOW,
                observed=f"{volume.inodes_percent:.1f} % of the inodes of the disk of `{entry.path}` are used, "
                f"{volume.inodes_free} of {volume.inodes} are left",
                expected=f"at most {entry.max_used_inodes_percent:g} %",
                hint=f"find the many files with `du -x --inodes --max-depth=2 {nearest(entry.path)} | sort -n | tail`",
                path=entry.path,
                inodes_percent=volume.inodes_percent,
            )
        )
    return found


def _with(left_s: float | None, found: Finding) -> Finding:
    return found if left_s is None else replace(found, measures={**found.measures, "full_in_s": left_s})


def _forecast(left_s: float) -> str:
    return f"at the pace seen so far it is full in about {duration(left_s)}"


def _pace(volume: Volume, context: Context) -> Pace:
    pace = context.memory.setdefault(f"pace of {volume.device}", Pace())
    if not isinstance(pace, Pace):  # never: only this function sets it
        raise TypeError(type(pace).__name__)
    return pace
