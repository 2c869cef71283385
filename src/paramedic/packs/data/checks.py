"""Whether data files are there, make sense, and are what was recorded of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.data import codes
from paramedic.packs.data.asking import Answer, NoAnswer, everything, judged
from paramedic.packs.data.target import Data, Format
from paramedic.sdk import Code, Context, Finding, check
from paramedic.sdk.manifest import NoManifest

_AT_LEAST_EVERY_S = 300.0
_RESTORE = "correct it, or run `paramedic recover` to put the last good copy back"
_INVALID = {
    Format.JSON: codes.INVALID_JSON,
    Format.JSONL: codes.INVALID_JSON,
    Format.CSV: codes.INVALID_CSV,
    Format.YAML: codes.INVALID_YAML,
}
_SAID: Mapping[str, tuple[Code, str, str]] = {
    "missing": (codes.MISSING, "a file", "check that its volume is mounted; " + _RESTORE),
    "empty": (codes.EMPTY, "at least one record", _RESTORE),
    "missing-field": (codes.MISSING_FIELD, "the keys that the service file names", _RESTORE),
    "invalid-value": (codes.INVALID_VALUE, "records that satisfy their schema", _RESTORE),
    "checksum-mismatch": (
        codes.CHECKSUM_MISMATCH,
        "the bytes that its manifest records",
        "look at the disk and bring a good copy of your own; where the change was meant, write the manifest anew",
    ),
}


@check(
    codes.MISSING,
    codes.EMPTY,
    codes.INVALID_JSON,
    codes.INVALID_CSV,
    codes.INVALID_YAML,
    codes.MISSING_FIELD,
    codes.INVALID_VALUE,
    codes.CHECKSUM_MISMATCH,
    of=Data,
    timeout_s=30,
)
async def is_sound(target: Data, context: Context) -> Sequence[Finding]:
    """Data files are there, make sense in their format, and are what was recorded of them.

    Looks at: each file when it changed: whether it parses, has the required keys in every record, and satisfies its
    schema; of files that a manifest lists also their SHA-256, every five minutes. In a child process; values are
    never shown.
    Why: a persona or profile that does not parse is left out in silence, or stops the service at its next start.
    By hand: ``python -m json.tool FILE``; ``sha256sum --check MANIFEST``
    Healed by: restore-file, which sets the broken file aside and puts the last good copy back. Without a good copy a
    person is called at once and nothing is overwritten.
    """
    try:
        files = everything(target)
    except NoManifest as error:
        return [context.unknown(str(error), hint="write it with `sha256sum`, or correct `manifest`")]
    now = context.clock.monotonic()
    rules = hash((target, _stat(target.schema) if target.schema else ()))
    stamps = {each.path: (*_stat(each.path), hash(each.digest), rules) for each in files}
    remembered = context.memory.setdefault("judged", {})
    assert isinstance(remembered, dict)
    known: dict[Path, _Judged] = {
        each.path: last
        for each in files
        if (last := remembered.get(each.path)) and last.holds(stamps[each.path], now, is_listed=bool(each.digest))
    }
    fresh = [each for each in files if each.path not in known]
    try:
        troubles = await judged(target, fresh, max(0.1, context.remaining_s - 1)) if fresh else []
    except NoAnswer as error:
        return [context.unknown(f"{_counted(len(fresh))} could not be read: {error}")]
    for each, told in zip(fresh, troubles, strict=True):
        known[each.path] = _Judged(seen=stamps[each.path], at_s=now, troubles=told)
    context.memory["judged"] = known
    found = [_nothing_matches(context, each) for each in target.unmatched]
    found += [_finding(target, context, each.path, told) for each in files for told in known[each.path].troubles]
    if found:
        return found
    return [context.ok(f"{_counted(len(files))} {'is' if len(files) == 1 else 'are'} sound", files=float(len(files)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What was found out about one file, and of which state of it."""

    seen: tuple[int, ...]
    at_s: float
    troubles: list[Answer]

    def holds(self, seen: tuple[int, ...], now_s: float, *, is_listed: bool) -> bool:
        """Whether it is still so. A medium forgets without changing the time of a file."""
        return seen == self.seen and (not is_listed or now_s - self.at_s < _AT_LEAST_EVERY_S)


def _counted(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"


def _stat(path: Path) -> tuple[int, ...]:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _nothing_matches(context: Context, pattern: Path) -> Finding:
    code, expected, hint = _SAID["missing"]
    return context.critical(code, observed=f"nothing matches `{pattern}`", expected=expected, hint=hint, path=pattern)


def _finding(target: Data, context: Context, path: Path, trouble: Answer) -> Finding:
    verdict, line = trouble["verdict"], trouble["line"]
    where = f" (line {line})" if line else ""
    if verdict == "unknown":
        return context.unknown(f"`{path.name}` {trouble['text']}")
    if verdict == "invalid":
        format = target.written_as(path)
        code, expected, hint = _INVALID[format], f"well-formed {format.upper()}", _RESTORE
    else:
        code, expected, hint = _SAID[verdict]
    observed = f"`{path.name}`: {trouble['text']}{where}"
    away = "" if path.parent.is_dir() else f"its folder `{path.parent}` is missing too"
    return context.critical(code, observed=observed, expected=expected, because=away, hint=hint, path=path, line=line)
