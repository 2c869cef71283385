"""Whether the files and folders of a service are there, as they should be, and open to those who need them."""

import os
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

from paramedic.packs.files import codes
from paramedic.packs.files.seeing import Seen, look_at, nearest, what_is
from paramedic.packs.files.target import Files, PathType
from paramedic.packs.files.writing import CannotTell, refusal, writers
from paramedic.sdk import Context, Finding, check
from paramedic.sdk.account import Account, group_id, group_name, of_user, user_id
from paramedic.sdk.blocking import in_thread

_MOST_TOLD = 50


@check(codes.MISSING, codes.TYPE, of=Files, timeout_s=10)
async def exists(files: Files, context: Context) -> Sequence[Finding]:
    """Every declared file and folder is there and is what it should be.

    Looks at: each path of ``paths``, links followed; a pattern must match something; ``type`` where it is declared.
    Why: a service whose folder is missing fails at its first write, often long after it was started.
    By hand: ``ls -ld PATH``
    Healed by: create-directory, for folders that are declared with ``type: directory``; anything else is put back
    by a person.
    """
    seen = await in_thread(look_at, files)
    found = [finding for each in seen for finding in _presence(each, context)]
    return found[:_MOST_TOLD] or [context.ok(f"{_count(seen)} there")]


def _presence(seen: Seen, context: Context) -> list[Finding]:
    entry, path = seen.entry, seen.path
    if seen.is_missing:
        if entry.is_pattern:
            observed = f"nothing matches `{path}`"
        elif path.is_symlink():
            observed = f"`{path}` is a link to `{os.readlink(path)}`, which does not exist"
        else:
            observed = f"`{path}` does not exist"
        above = nearest(path.parent)
        is_made = entry.type is PathType.DIRECTORY and not entry.is_pattern
        return [
            context.critical(
                codes.MISSING,
                observed=observed,
                expected=f"a {entry.type}" if entry.type else "a file or folder",
                because=f"what is there of its way ends with `{above}`" if above != path.parent else "",
                hint=f"`paramedic recover` makes it, or `mkdir -p {shlex.quote(str(path))}`"
                if is_made
                else "put it back from a copy, or correct `paths`",
                path=path,
            )
        ]
    if seen.status is None:
        return [_unseen(seen, context)]
    is_it = what_is(seen.status)
    if entry.type and is_it != entry.type:
        return [
            context.critical(
                codes.TYPE,
                observed=f"`{path}` is a {is_it}",
                expected=f"a {entry.type}",
                hint=f"see with `ls -ld {shlex.quote(str(path))}` what it is, and put a {entry.type} in its place",
                path=path,
            )
        ]
    return []


@check(codes.MODE, codes.OWNER, of=Files, timeout_s=10)
async def permitted(files: Files, context: Context) -> Sequence[Finding]:
    """Files and folders belong to whom they should, and are open to nobody else.

    Looks at: permissions, user and group of each path that declares ``mode``, ``owner`` or ``group``.
    Why: a key that everybody can read is no secret, and a file that changed its owner fails at the next write.
    By hand: ``stat -c '%A %a %U %G %n' PATH``
    Healed by: nothing automatic; the hint names the command.
    """
    seen = await in_thread(look_at, files)
    found = [finding for each in seen if each.status for finding in _permissions(each, each.status, context)]
    found += [_unseen(each, context) for each in seen if each.error and not each.is_missing]
    return found[:_MOST_TOLD] or [context.ok("owner, group and mode are as declared")]


def _permissions(seen: Seen, status: os.stat_result, context: Context) -> list[Finding]:
    entry, found = seen.entry, []
    place = shlex.quote(str(seen.path))
    if entry.permissions is not None and seen.mode != entry.permissions:
        more, less = seen.mode & ~entry.permissions, entry.permissions & ~seen.mode
        what = " and ".join(
            [*([f"open to {_whom(more)}"] if more else ()), *([f"closed to {_whom(less)}"] if less else ())]
        )
        found.append(
            context.warning(
                codes.MODE,
                observed=f"`{seen.path}` has the mode {seen.mode:04o}: {what}",
                expected=f"the mode {entry.permissions:04o}",
                hint=f"`chmod {entry.permissions:o} {place}`",
                path=seen.path,
            )
        )
    wrong = []
    if entry.owner is not None and user_id(entry.owner) != status.st_uid:
        wrong.append((f"user {of_user(status.st_uid)}", f"user `{entry.owner}`"))
    if entry.group is not None and group_id(entry.group) != status.st_gid:
        wrong.append((f"group `{group_name(status.st_gid)}`", f"group `{entry.group}`"))
    if wrong:
        found.append(
            context.warning(
                codes.OWNER,
                observed=f"`{seen.path}` belongs to {' and '.join(is_now for is_now, _ in wrong)}",
                expected=" and ".join(declared for _, declared in wrong),
                hint=f"`chown {entry.owner or ''}{f':{entry.group}' if entry.group else ''} {place}`",
                path=seen.path,
            )
        )
    return found


def _whom(bits: int) -> str:
    """Whom permissions concern, and for what."""
    whose = (("the owner", 6), ("the group", 3), ("everybody", 0))
    parts = []
    for who, shift in whose:
        three = bits >> shift & 0o7
        words = [word for bit, word in ((4, "reading"), (2, "writing"), (1, "entering or executing")) if three & bit]
        if words:
            parts.append(f"{who} for {', '.join(words)}")
    special = ((stat.S_ISUID, "set-user-id"), (stat.S_ISGID, "set-group-id"), (stat.S_ISVTX, "the sticky bit"))
    parts += [word for bit, word in special if bits & bit]
    return ", ".join(parts)


@check(codes.NOT_WRITABLE, of=Files, timeout_s=20)
async def writable(files: Files, context: Context) -> Sequence[Finding]:
    """The service's own user can write where the service must.

    Looks at: each path that declares ``writable``, tried as the user of the component's process and of those that
    depend on it (as ``user``, where that is declared); a file system that is mounted read-only is named. Nothing is
    written.
    Why: root can write everywhere, so that a look as root proves nothing about the service.
    By hand: ``runuser -u USER -- test -w PATH; echo $?``; read-only or not: ``findmnt -T PATH``
    Healed by: nothing automatic; the hint names the command.
    """
    seen = [each for each in await in_thread(look_at, files) if each.entry.writable]
    present = [each for each in seen if each.status]
    blind = [_unseen(each, context) for each in seen if each.error and not each.is_missing]
    try:
        accounts = writers(files, context)
        found = [
            finding
            for each in present
            for account in accounts
            if (finding := await in_thread(_refused, each, account, context))
        ]
    except CannotTell as error:
        return [context.unknown(str(error), hint="run Paramedic as root or as the service's user, or correct `user`")]
    who = " and ".join(map(str, accounts))
    well = f"{who} can write to all of {len(present)} paths" if present else "no path that is there has to be writable"
    return [*found, *blind][:_MOST_TOLD] or [context.ok(well)]


def _refused(seen: Seen, account: Account, context: Context) -> Finding | None:
    try:
        why = refusal(seen.path, account)
    except OSError as error:
        return context.unknown(f"`{seen.path}` cannot be looked at: {error.strerror or error}")
    if why is None:
        return None
    place = shlex.quote(str(seen.path))
    remount = f"find out why with `dmesg | tail`, then `mount -o remount,rw {shlex.quote(str(_mount(seen.path)))}`"
    return context.critical(
        codes.NOT_WRITABLE,
        observed=f"{account} cannot write to `{seen.path}`",
        expected=f"a {'directory' if seen.is_directory else 'file'} that {account} can write to",
        because=f"it was tried as that user; {why.because}",
        hint=remount if why.is_read_only else f"give it to the service: `chown {account.uid} {place}`",
        path=seen.path,
    )


def _mount(path: Path) -> Path:
    return next((each for each in (path, *path.parents) if each.is_mount()), Path("/"))


def _unseen(seen: Seen, context: Context) -> Finding:
    why = seen.error.strerror or str(seen.error) if seen.error else "for no known reason"
    return context.unknown(f"`{seen.path}` cannot be looked at: {why}", hint="run Paramedic as a user who may look")


def _count(seen: Sequence[Seen]) -> str:
    return "the path is" if len(seen) == 1 else f"all of {len(seen)} paths are"
