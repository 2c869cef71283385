"""Whether a configuration file is there, makes sense and holds what the service needs."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from paramedic.packs.config import codes
from paramedic.packs.config.judging import SchemaTrouble, Trouble, schema_troubles, troubles, unparseable
from paramedic.packs.config.reading import LIMIT_BYTES, Document, Unparseable, parse
from paramedic.packs.config.sample import NoSample, gaps
from paramedic.packs.config.target import Config, Format
from paramedic.sdk import Component, Context, Evidence, Finding, check
from paramedic.sdk import proc as processes
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import NotAFile, TooLarge, read_whole

_MOST_TOLD = 50


@check(
    codes.FILE_MISSING,
    codes.ENV_FILE_MISSING,
    codes.ENV_VAR_MISSING,
    codes.UNPARSEABLE,
    codes.MISSING_FIELD,
    codes.INVALID_VALUE,
    codes.UNREADABLE,
    of=Config,
    timeout_s=10,
)
async def is_valid(target: Config, context: Context) -> Sequence[Finding]:
    """A configuration file is there, makes sense, and holds what the service needs.

    Looks at: the file, its required keys, the rules for its values, its schema where one is named, and the
    environment variables that the service cannot do without. Every problem is told at once; values that look
    secret are not shown.
    Why: a process that starts with a broken configuration fails late and far from the cause.
    By hand: open the file at the line that is named.
    Healed by: restore-config puts the last good version back; reset-config, after approval, starts from the
    shipped defaults and keeps declared sections. Files and variables of the environment go to a person.
    """
    found = await in_thread(_look, target, context)
    if not found:
        return [context.ok(f"`{target.path.name}` is valid")]
    return found


def _look(target: Config, context: Context) -> list[Finding]:
    gone = [name for name in target.variables if not _is_set_around(name, context)]
    try:
        seen = target.path.stat()
        document = _document(target, context, (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
    except (FileNotFoundError, NotADirectoryError):
        return [_missing(target, context, gone)]
    except TooLarge as error:
        return [context.unknown(f"`{target.path.name}` {error}", hint="point `path` at the configuration itself")]
    except (NotAFile, PermissionError, IsADirectoryError) as error:
        return [_unreadable(target, context, error), *_unset(target, context, gone)]
    except OSError as error:
        return [context.unknown(f"`{target.path.name}` cannot be read: {error.strerror}")]
    if isinstance(document, Unparseable):
        found = [unparseable(target, document)]
        return [*(_finding(target, context, each) for each in found), *_unset(target, context, gone)]
    if target.written_as is Format.ENV and isinstance(document.data, dict):
        gone = [name for name in gone if not document.data.get(name)]
    found = troubles(target, document)
    blind: list[Finding] = []
    if target.sample and target.written_as is Format.ENV:
        try:
            shortfall = gaps(document, target.sample)
        except NoSample as error:
            blind.append(context.unknown(str(error), hint="put the sample in its place, or correct `sample`"))
        else:
            gone += [each for each in shortfall.absent if each not in gone and not _is_set_around(each, context)]
            found += [_unfilled(name, target.sample, document) for name in shortfall.unfilled]
    if target.schema:
        try:
            known = {(each.code, each.line, each.observed) for each in found}
            told = schema_troubles(target.schema, document)
            found.extend(each for each in told if (each.code, each.line, each.observed) not in known)
        except SchemaTrouble as error:
            blind.append(
                context.unknown(f"the schema was not applied: {error}", hint="install `jsonschema`, or use `rules`")
            )
    return [
        *(_finding(target, context, each) for each in found[:_MOST_TOLD]),
        *_unset(target, context, gone),
        *blind,
    ]


def _document(target: Config, context: Context, seen: tuple[int, ...]) -> Document | Unparseable:
    """What the file says; read again only when it changed, for parsing YAML is slow."""
    if context.memory.get("seen") != seen:
        format = target.written_as
        content = read_whole(target.path, LIMIT_BYTES[format])
        try:
            document: Document | Unparseable = parse(content, format)
        except Unparseable as error:
            document = error
        context.memory.update(seen=seen, document=document)
    remembered = context.memory["document"]
    assert isinstance(remembered, Document | Unparseable)
    return remembered


def _unfilled(name: str, sample: Path, document: Document) -> Trouble:
    return Trouble(
        code=codes.INVALID_VALUE,
        observed=f"`{name}` still holds the placeholder of `{sample.name}`",
        expected=f"a value of your own for `{name}`",
        hint=f"fill in `{name}`",
        line=document.line(name),
    )


def _finding(target: Config, context: Context, trouble: Trouble) -> Finding:
    return context.critical(
        trouble.code,
        observed=trouble.observed,
        expected=trouble.expected,
        because=f"`{target.path.name}` says so itself",
        hint=trouble.hint,
        path=target.path,
        line=trouble.line,
    )


def _missing(target: Config, context: Context, gone: list[str]) -> Finding:
    folder = target.path.parent
    why = "" if folder.is_dir() else f"its folder `{folder}` is missing too; perhaps a volume is not mounted"
    evidence = (Evidence(label="set nowhere else", text=", ".join(gone)),) if gone else ()
    if target.written_as is Format.ENV:
        template = next(
            (each for each in (".env.example", ".env.template", ".env.sample") if (folder / each).is_file()), None
        )
        return context.critical(
            codes.ENV_FILE_MISSING,
            observed=f"`{target.path}` does not exist",
            expected="a file with `NAME=value` lines",
            because=why,
            hint=f"copy `{template}` to `{target.path.name}` and fill it in"
            if template
            else "create it and fill it in",
            evidence=evidence,
            path=target.path,
        )
    return context.critical(
        codes.FILE_MISSING,
        observed=f"`{target.path}` does not exist",
        expected="the configuration file",
        because=why,
        hint="put it back, or run `paramedic recover` to restore the last good version",
        evidence=evidence,
        path=target.path,
    )


def _unreadable(target: Config, context: Context, error: OSError) -> Finding:
    if isinstance(error, NotAFile):
        return context.critical(
            codes.UNREADABLE,
            observed=str(error),
            expected="a file",
            hint="put the configuration file in its place",
            path=target.path,
        )
    readers = _readers(context)
    if readers and all(each != os.geteuid() for each in readers):
        return context.unknown(
            f"`{target.path}` may not be read by Paramedic (uid {os.geteuid()}); the service runs as another user",
            hint=f"let uid {os.geteuid()} read it, or run Paramedic as the service's user",
        )
    return context.critical(
        codes.UNREADABLE,
        observed=f"`{target.path}` may not be read by uid {os.geteuid()}{_mode(target.path)}",
        expected="a file that the service may read",
        because="the service runs as the same user",
        hint=f"`chmod u+r {target.path}` or give it to the service's user",
        path=target.path,
    )


def _mode(path: Path) -> str:
    try:
        seen = path.stat()
    except OSError:
        return ""
    return f" (owner {seen.st_uid}, mode {stat.S_IMODE(seen.st_mode):04o})"


def _unset(target: Config, context: Context, gone: list[str]) -> list[Finding]:
    return [
        context.critical(
            codes.ENV_VAR_MISSING,
            observed=f"`{name}` is not set",
            expected=f"a value for `{name}`",
            because="looked in the file, in the environment of the processes that use it, and in our own",
            hint=f"set `{name}` in `{target.path.name}`"
            if target.written_as is Format.ENV
            else f"set `{name}` in the environment of the service",
            path=target.path,
        )
        for name in gone
    ]


def _is_set_around(name: str, context: Context) -> bool:
    """In our environment (which children inherit), or in that of every process that uses the file."""
    if os.environ.get(name):
        return True
    users = [each.process for each in _users(context) if each.process]
    return bool(users) and all(str(each.env.get(name, "")) for each in users)


def _users(context: Context) -> list[Component]:
    """The component itself and those that name it as what they depend on."""
    others = context.service.components.values()
    return [context.component, *(each for each in others if context.component.name in each.depends_on)]


def _readers(context: Context) -> list[int]:
    """Who the processes run as that read the file; ourselves where Paramedic starts them."""
    found: list[int] = []
    for each in _users(context):
        if each.process is None:
            continue
        pid = context.processes.facts(each).pid
        uid = processes.uid(pid) if pid else None
        if uid is not None:
            found.append(uid)
        elif each.process.is_managed:
            found.append(os.geteuid())
    return found
