"""Whether a database at rest is, byte for byte, what it was when SQLite last wrote to it."""

from dataclasses import dataclass

from paramedic.packs.sqlite import codes
from paramedic.packs.sqlite.asking import Answer, NoAnswer, ask
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import Context, Depth, Finding, check
from paramedic.sdk.manifest import NoManifest, place, read_manifest

_AT_LEAST_EVERY_S = 300.0


@dataclass(kw_only=True)
class _Memory:
    """What earlier looks of this program saw."""

    baseline: Answer
    """The file as it was at rest."""
    seen: tuple[int, int, int]
    at_s: float
    finding: Finding


@check(codes.CHECKSUM_MISMATCH, of=Sqlite, timeout_s=60, depth=Depth.NORMAL)
async def is_as_recorded(target: Sqlite, context: Context) -> Finding:
    """A database at rest is what SQLite last wrote, byte for byte.

    Looks at: the SHA-256 of the file: against the declared manifest; without one, against the file as this program
    saw it at rest before, as long as SQLite's own change counter (with a write-ahead log: the file's time) says that
    nobody wrote. Nothing is concluded while somebody has the database open.
    Why: SQLite keeps no checksums. A flipped bit in a value passes its integrity check and is served as the truth.
    By hand: ``sha256sum PATH``, compared with the manifest
    Healed by: restore-database, after approval, where a good copy of just this state is there; otherwise a person is
    called at once and nothing is overwritten.
    """
    if not target.path.is_file():
        return context.info(f"`{target.path.name}` is not there to be compared, or is no file")
    try:
        stat = target.path.stat()
    except OSError:
        return context.info(f"`{target.path.name}` is not there to be compared")
    seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
    memory = context.memory.get("recorded")
    now = context.clock.monotonic()
    if isinstance(memory, _Memory) and memory.seen == seen and now - memory.at_s < _AT_LEAST_EVERY_S:
        return memory.finding
    try:
        found = await ask("generation", max(0.1, context.remaining_s - 1), path=target.path.absolute())
        wanted = recorded(target)
    except (NoAnswer, NoManifest) as error:
        if not target.path.exists():  # it went while we looked
            return context.info(f"`{target.path.name}` is not there to be compared")
        return context.unknown(f"`{target.path.name}` could not be compared: {error}")
    if wanted is not None:
        finding = _against_manifest(target, context, found, wanted)
        baseline = found
    else:
        baseline = memory.baseline if isinstance(memory, _Memory) else found
        finding = _against_memory(target, context, found, baseline)
        if finding.code is None and found["is_cold"]:
            baseline = found
    if found["is_cold"] or wanted is not None:
        context.memory["recorded"] = _Memory(baseline=baseline, seen=seen, at_s=now, finding=finding)
    return finding


def recorded(target: Sqlite) -> str | None:
    """The digest that the manifest holds for the database; ``None`` without a manifest.

    Raises:
        NoManifest: there is one, and it does not tell.
    """
    if target.manifest is None:
        return None
    try:
        return read_manifest(target.manifest)[place(target.path)]
    except KeyError:
        raise NoManifest(f"the manifest `{target.manifest.name}` does not name it") from None


def _against_manifest(target: Sqlite, context: Context, found: Answer, wanted: str) -> Finding:
    if found["digest"] == wanted:
        return context.ok(f"`{target.path.name}` is as its manifest says")
    return _mismatch(target, context, because=f"its SHA-256 begins with {found['digest'][:12]}, not {wanted[:12]}")


def _against_memory(target: Sqlite, context: Context, found: Answer, baseline: Answer) -> Finding:
    if not found["is_cold"] or not baseline["is_cold"]:
        return context.ok(f"`{target.path.name}` is in use, so that its bytes are compared with nothing")
    same = "mtime_ns" if found["is_wal"] else "counter"
    if (
        found["digest"] == baseline["digest"]
        or found["inode"] != baseline["inode"]
        or (found[same] != baseline[same] or found["is_wal"] != baseline["is_wal"])
    ):
        return context.ok(f"`{target.path.name}` is what SQLite last wrote")
    why = "its time did not change, but its content did" if found["is_wal"] else "SQLite's change counter did not move"
    return _mismatch(target, context, because=why)


def _mismatch(target: Sqlite, context: Context, *, because: str) -> Finding:
    return context.critical(
        codes.CHECKSUM_MISMATCH,
        observed=f"`{target.path.name}` was changed by something that is not SQLite",
        expected="the bytes that were recorded",
        because=because,
        hint="stop what uses it, look at the disk, and approve the plan that restores it",
        path=target.path,
    )
