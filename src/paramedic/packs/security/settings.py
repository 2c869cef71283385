"""Settings that are for a developer's machine: debug modes, passwords that everybody knows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from paramedic.packs.security.codes import DEBUG_MODE, DEFAULT_CREDENTIALS
from paramedic.packs.security.target import Security, found
from paramedic.sdk import Component, Context, Evidence, Finding, Secret, check, proc
from paramedic.sdk.blocking import in_thread

_MOST_BYTES = 1 << 20
_MOST_TOLD = 10
_ASSIGNED = re.compile(r"^\s*(?:export\s+)?[\"']?([A-Za-z_][\w.-]*)[\"']?\s*[:=]\s*[\"']?([^\s\"'#,]+)", re.MULTILINE)
_DEBUG_NAME = re.compile(r"(?:^|[_.-])debug(?:[_-]?mode)?$", re.IGNORECASE)
_ENVIRONMENT = frozenset({"flask_env", "app_env", "environment", "node_env"})
_YES = frozenset({"1", "true", "yes", "on"})
_DEBUG_WORDS = frozenset({"--reload", "--debug", "--dev", "--autoreload"})
_SERVERS = ("uvicorn", "flask", "gunicorn", "hypercorn", "litestar", "fastapi", "django", "manage.py", "runserver")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_KNOWN = frozenset({
    "password", "passwd", "admin", "administrator", "root", "toor", "guest", "test", "changeme", "change-me", "default",
    "secret", "123456", "12345678", "postgres", "mysql", "redis", "neo4j", "rabbitmq", "minioadmin", "letmein",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One setting that should not be as it is."""

    where: str
    what: str
    path: Path | None = None
    line: int | None = None
    is_remote: bool = False


@check(DEBUG_MODE, of=Security, timeout_s=10, every_s=60)
async def debugging(security: Security, context: Context) -> list[Finding]:
    r"""No part of the service runs in debug mode.

    Looks at: the commands and environments in the service file, the command lines of the processes that run, and
    settings such as ``DEBUG=true`` in the declared files; of servers of web applications also ``--reload`` and
    ``--debug``.
    Why: a debugger answers strangers with source code, settings and often a console, and a reloader doubles the memory.
    By hand: ``tr '\0' ' ' < /proc/PID/cmdline``; ``grep -in debug .env``
    Healed by: advice only: what must change stands in a file of yours.
    """
    parts = [*_debug_of_components(context)]
    settings, blind = await in_thread(_debug_of_files, security)
    seen = [*parts, *settings]
    unreadable = [context.unknown(f"`{path}` cannot be read: {why}") for path, why in blind]
    if not seen:
        return unreadable or [context.ok("nothing runs in debug mode")]
    return [
        context.warning(
            DEBUG_MODE,
            observed=f"{seen[0].where}: `{seen[0].what}`" + (f", and {len(seen) - 1} more" if len(seen) > 1 else ""),
            expected="no debug mode where others come in",
            hint="switch it off, and restart what reads it",
            evidence=_evidence(seen),
            path=seen[0].path,
            line=seen[0].line,
        ),
        *unreadable,
    ]


@check(DEFAULT_CREDENTIALS, of=Security, timeout_s=10, every_s=300)
async def credentials(security: Security, context: Context) -> list[Finding]:
    """No part of the service is entered with a password that everybody knows.

    Looks at: the passwords of the components in the service file, and the addresses in the declared files, for those
    that programs are shipped with, that equal the name of the user, or that stand in every tutorial. None is tried out.
    Why: these are the first that anybody tries who reaches the port; beyond this machine that is critical.
    By hand: look at the address of each database in the service file and in ``.env``
    Healed by: advice only: choose a password of its own, set it at the server and at everything that uses it.
    """
    settings, blind = await in_thread(_default_of_files, security)
    seen = [*_default_of_components(context), *settings]
    unreadable = [context.unknown(f"`{path}` cannot be read: {why}") for path, why in blind]
    if not seen:
        return unreadable or [context.ok("no password is one that everybody knows")]
    worst = next((each for each in seen if each.is_remote), seen[0])
    judge = context.critical if worst.is_remote else context.warning
    return [
        judge(
            DEFAULT_CREDENTIALS,
            observed=f"{worst.where} has {worst.what}" + (f", and {len(seen) - 1} more" if len(seen) > 1 else ""),
            expected="a password of its own",
            hint="set a new one at the server, then at everything that enters with it",
            evidence=_evidence(seen),
            path=worst.path,
            line=worst.line,
        ),
        *unreadable,
    ]


def _debug_of_components(context: Context) -> Iterator[_Seen]:
    for name, component in context.service.components.items():
        spec = component.process
        if spec is None:
            continue
        pid = context.processes.facts(component).pid
        running = proc.command(pid) if pid else ()
        for command in dict.fromkeys((spec.command, running)):
            if word := _debug_word(command):
                yield _Seen(where=f"the command of `{name}`", what=word)
                break
        environment = {key: str(value) for key, value in spec.env.items() if not isinstance(value, Secret)}
        yield from (_Seen(where=f"the environment of `{name}`", what=each) for each in _debug_settings(environment))


def _debug_word(command: tuple[str, ...]) -> str | None:
    if not any(server in word for word in command[:4] for server in _SERVERS):
        return None
    return next((word for word in command if word in _DEBUG_WORDS), None)


def _debug_settings(settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        if (_DEBUG_NAME.search(name) and value.lower() in _YES) or (
            name.lower() in _ENVIRONMENT and value.lower() in ("development", "debug")
        ):
            yield f"{name}={value}"


def _debug_of_files(security: Security) -> tuple[list[_Seen], list[tuple[Path, str]]]:
    texts, blind = _texts(security)
    seen = [
        _Seen(where=f"`{path.name}`", what=each, path=path, line=text.count("\n", 0, match.end()) + 1)
        for path, text in texts
        for match in _ASSIGNED.finditer(text)
        for each in _debug_settings({match[1]: match[2]})
    ]
    return seen, blind


def _default_of_components(context: Context) -> Iterator[_Seen]:
    for name, component in context.service.components.items():
        for what, is_remote in _logins(component):
            yield _Seen(where=f"`{name}`", what=what, is_remote=is_remote)


def _logins(component: Component) -> Iterator[tuple[str, bool]]:
    target = component.target
    dsn, password = getattr(target, "dsn", None), getattr(target, "password", None)
    if isinstance(dsn, Secret | str):
        text = dsn.reveal() if isinstance(dsn, Secret) else dsn
        yield from ((what, is_remote) for _, what, is_remote in _defaults_in(text))
    if isinstance(password, Secret):
        user, host = getattr(target, "user", None), getattr(target, "host", None)
        if what := _default(user if isinstance(user, str) else "", password.reveal()):
            yield what, not is_loopback(host if isinstance(host, str) else "localhost")


def _default_of_files(security: Security) -> tuple[list[_Seen], list[tuple[Path, str]]]:
    texts, blind = _texts(security)
    seen = [
        _Seen(
            where=f"an address in `{path.name}`",
            what=what,
            path=path,
            line=text.count("\n", 0, at) + 1,
            is_remote=is_remote,
        )
        for path, text in texts
        for at, what, is_remote in _defaults_in(text)
    ]
    return seen, blind


def _defaults_in(text: str) -> Iterator[tuple[int, str, bool]]:
    """Place, what is wrong in words, and whether other machines are concerned, of each address in a text."""
    for match in _ADDRESS.finditer(text):
        try:
            parts = urlsplit(match[0])
            user, password, host = parts.username or "", parts.password, parts.hostname or ""
        except ValueError:  # no address after all
            continue
        if password and (what := _default(unquote(user), unquote(password))):
            yield match.start(), what, not is_loopback(host)


def _default(user: str, password: str) -> str | None:
    if user and password == user:
        return "a password that is the name of its user"
    return "a password that everybody knows" if password.lower() in _KNOWN else None


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant."""
    if host.lower() in ("localhost", ""):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _texts(security: Security) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
    texts: list[tuple[Path, str]] = []
    blind: list[tuple[Path, str]] = []
    for path in found((*security.private, *security.files)):
        try:
            if path.is_file():
                with path.open("rb") as file:
                    texts.append((path, file.read(_MOST_BYTES).decode("utf-8", "replace")))
        except OSError as error:
            blind.append((path, error.strerror or str(error)))
    return texts, blind


def _evidence(seen: list[_Seen]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(label=each.where + (f", line {each.line}" if each.line else ""), text=each.what)
        for each in seen[:_MOST_TOLD]
    )
