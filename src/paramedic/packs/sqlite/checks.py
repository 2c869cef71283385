"""Whether a SQLite database is there, whole, and lets others in."""

from collections.abc import Mapping, Sequence

from paramedic.packs.sqlite import codes
from paramedic.packs.sqlite.asking import Answer, NoAnswer, ask
from paramedic.packs.sqlite.remembered import Remembered, remembered
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk import Code, Context, Depth, Evidence, Finding, check
from paramedic.sdk.files import kept

_MARGIN_S = 1.0
_WAL_MB = 256.0
_AT_LEAST_EVERY_S = 300.0
_SHORT_S = 0.25
_NAMED = 5
_SHARE = 20.0
"""A whole look is repeated at the earliest after this many times of what a slow one took."""

_SAID: Mapping[str, tuple[Code, str, str]] = {
    "missing": (
        codes.FILE_MISSING,
        "a SQLite database",
        "check that its volume is mounted; then approve the plan that restores the last good copy",
    ),
    "empty": (codes.EMPTY, "a database with tables", "approve the plan that brings the last good copy back"),
    "not-a-database": (codes.NOT_A_DATABASE, "a SQLite database", "approve the plan that repairs it"),
    "corrupt": (codes.CORRUPT, "a whole database", "stop its writers and run `paramedic recover database`"),
    "table-missing": (
        codes.TABLE_MISSING,
        "the tables that the service file names",
        "run the service's migration, or approve the plan that restores the table from the last good copy",
    ),
    "column-type": (
        codes.COLUMN_TYPE,
        "the types that the service file names",
        "run the service's migration, or correct the service file",
    ),
    "locked": (
        codes.LOCKED,
        "a lock that is released within the limit",
        "ask whoever runs the process that holds the lock, or end it by hand",
    ),
}


@check(
    codes.FILE_MISSING,
    codes.EMPTY,
    codes.NOT_A_DATABASE,
    codes.CORRUPT,
    codes.TABLE_MISSING,
    codes.COLUMN_TYPE,
    codes.LOCKED,
    codes.WAL_LARGE,
    of=Sqlite,
    timeout_s=15,
)
async def is_usable(target: Sqlite, context: Context) -> Sequence[Finding]:
    """A SQLite database is there, has its tables, can be read, and is not kept locked.

    Looks at: the file and its header, the declared tables, columns and types (where none are declared: the tables in
    which the last good copy has rows), one row of each, the locks that other processes hold, the size of the
    write-ahead log (``wal_mb``, 256), and how much of the file is unused. Read-only, in a child process; nothing on the
    disk changes.
    Why: a service without its database answers wrongly or not at all.
    By hand: ``sqlite3 'file:PATH?mode=ro' .tables``; who holds it: ``fuser -v PATH``
    Healed by: repair-database (damaged, empty); restore-database after approval (missing file or table); a lock
    goes to a person, because only a person knows whether its holder may be ended.
    """
    limit_s = max(0.1, min(target.busy_timeout_s, context.remaining_s - 3 * _MARGIN_S))
    state_dir, known = context.service.settings.state_dir, context.memory.get("remembered")
    before = await remembered(target, state_dir, max(0.1, context.remaining_s / 3), known)
    context.memory["remembered"] = before
    try:
        answers = await ask(
            "look",
            max(0.1, context.remaining_s - _MARGIN_S),
            path=target.path.absolute(),
            tables={each: [] for each in before.wanted} if before else target.columns,
            types=target.types,
            limit_s=limit_s,
        )
    except NoAnswer as error:
        return [context.unknown(f"`{target.path.name}` could not be looked at: {error}")]
    if before and _stamp(target) and any(each["verdict"] in ("empty", "table-missing") for each in answers):
        return [_tables_gone(target, context, answers, before)]
    return [_finding(target, context, answer) for answer in answers]


@check(codes.CORRUPT, codes.NOT_A_DATABASE, codes.FOREIGN_KEYS, of=Sqlite, timeout_s=60, depth=Depth.NORMAL)
async def is_whole(target: Sqlite, context: Context) -> Finding:
    """Every page of a SQLite database is sound.

    Looks at: ``PRAGMA integrity_check`` and ``foreign_key_check``, at the first look, when the file changed, and every
    five minutes; in a child process. A database without a write-ahead log is read in a copy where it would keep
    writers waiting. Rows that refer to rows that are gone are counted, and a trouble where ``foreign_keys: true``.
    Why: a damaged page stays unseen until somebody needs just that page, and by then the backups have it too.
    By hand: ``sqlite3 'file:PATH?mode=ro' 'PRAGMA integrity_check'``
    Healed by: repair-database; rows without their relations are a person's to judge.
    """
    seen = _stamp(target)
    if not seen:
        return context.info(f"`{target.path.name}` holds nothing that could be checked")
    now = context.clock.monotonic()
    last = context.memory.get("last")
    if isinstance(last, _Looked) and last.is_fresh(seen, now):
        return last.finding
    try:
        answer = await ask(
            "whole",
            max(0.1, context.remaining_s - _MARGIN_S),
            path=target.path.absolute(),
            limit_s=max(0.1, context.remaining_s - 3 * _MARGIN_S),
        )
    except NoAnswer as error:
        return context.unknown(f"`{target.path.name}` could not be checked: {error}")
    if answer["verdict"] == "locked":
        return context.unknown(f"`{target.path.name}` is locked, so that its pages cannot be read")
    finding = _orphans(target, context, answer) or _finding(target, context, answer)
    took_s = float(answer["measures"].get("duration_s", 0.0))
    context.memory["last"] = _Looked(
        seen, finding, context.clock.monotonic(), took_s, is_sound=answer["verdict"] == "ok"
    )
    return finding


def _tables_gone(target: Sqlite, context: Context, answers: Sequence[Answer], before: Remembered) -> Finding:
    """Nobody has said which tables are needed; that some with rows were there and are gone is a loss all the same."""
    texts = [str(each["text"]) for each in answers if each["verdict"] in ("empty", "table-missing")]
    return context.critical(
        codes.TABLE_MISSING,
        observed=texts[0] if len(texts) == 1 else f"{texts[0]}, and {len(texts) - 1} more are gone",
        expected=f"the tables of its last good copy: {', '.join(f'`{each}`' for each in before.wanted[:_NAMED])}",
        because=f"the copy of {kept(before.copy).at:%Y-%m-%d %H:%M} UTC has them, with rows",
        hint="approve the plan that restores them; if they are gone on purpose, name those that the service needs "
        "under `tables` in the service file",
        evidence=tuple(Evidence(label="SQLite", text=each) for each in texts),
        path=target.path,
    )


class _Looked:
    """The last whole look, and how long it holds."""

    def __init__(self, seen: tuple[int, ...], finding: Finding, at_s: float, took_s: float, *, is_sound: bool) -> None:
        self.finding = finding
        self._seen, self._at_s, self._took_s, self._is_sound = seen, at_s, took_s, is_sound

    def is_fresh(self, seen: tuple[int, ...], now_s: float) -> bool:
        """Whether it still holds. Nothing but a sound verdict ever does, and none of another file."""
        age_s = now_s - self._at_s
        if not self._is_sound or seen[0] != self._seen[0] or age_s >= _AT_LEAST_EVERY_S:
            return False
        return seen == self._seen or (self._took_s > _SHORT_S and age_s < _SHARE * self._took_s)


def _stamp(target: Sqlite) -> tuple[int, ...]:
    """Inode, time and size of the database and its WAL; empty where there is nothing to check."""
    found: list[int] = []
    for path in (target.path, target.path.with_name(target.path.name + "-wal")):
        try:
            seen = path.stat()
        except OSError:
            continue
        found += [seen.st_ino, seen.st_mtime_ns, seen.st_size]
    return tuple(found) if len(found) >= 3 and found[2] else ()


def _orphans(target: Sqlite, context: Context, answer: Answer) -> Finding | None:
    """Rows that refer to rows that are gone, where there are any in a database that is whole."""
    count, told = int(answer["measures"].get("orphans", 0)), [str(each) for each in answer["evidence"]]
    if answer["verdict"] != "ok" or not count:
        return None
    said = "1 row refers to a row that is gone" if count == 1 else f"{count} rows refer to rows that are gone"
    if not target.foreign_keys:
        return context.ok(f"`{target.path.name}` is sound; {said}", **answer["measures"])
    return context.warning(
        codes.FOREIGN_KEYS,
        observed=f"{said}: {told[0]}{f' and {len(told) - 1} more' if len(told) > 1 else ''}",
        expected="rows that all refer to rows that are there",
        because="`PRAGMA foreign_key_check` lists them",
        hint="delete or correct these rows, and let the service ask SQLite to enforce its keys",
        evidence=tuple(Evidence(label="refers", text=each) for each in told[:20]),
        path=target.path,
        **answer["measures"],
    )


def _finding(target: Sqlite, context: Context, answer: Answer) -> Finding:
    verdict, text, measures = answer["verdict"], answer["text"], answer["measures"]
    if verdict == "unknown":
        return context.unknown(text, hint="let Paramedic's user read the database and its folder")
    if verdict == "column-type":
        code, expected, hint = _SAID[verdict]
        return context.warning(code, observed=text, expected=expected, hint=hint, path=target.path)
    if verdict != "ok":
        code, expected, hint = _SAID[verdict]
        return context.critical(
            code,
            observed=text,
            expected=expected,
            because="SQLite says so itself" if verdict in ("corrupt", "not-a-database") else "",
            hint=hint,
            evidence=tuple(Evidence(label="SQLite", text=str(each)) for each in answer["evidence"]),
            path=target.path,
            **measures,
        )
    limit_mb = context.threshold("wal_mb", _WAL_MB)
    if measures.get("wal_mb", 0) > limit_mb:
        return context.warning(
            codes.WAL_LARGE,
            observed=f"the write-ahead log of `{target.path.name}` has {measures['wal_mb']:.0f} MB",
            expected=f"at most {limit_mb:.0f} MB",
            because="something reads for so long that the log is never emptied",
            hint="end long-running readers, or run `PRAGMA wal_checkpoint(TRUNCATE)` in the service",
            path=target.path,
            **measures,
        )
    unused_mb = measures.get("unused_mb", 0.0)
    spare = f"; {unused_mb:.0f} of its {measures['size_mb']:.0f} MB are unused" if unused_mb >= 1 else ""
    return context.ok(f"`{target.path.name}` is sound{spare}", **measures)
