"""Servers of tools that a project's MCP clients are configured with, in ``.mcp.json`` and its kind."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut, Reference
from paramedic.discovery.naming import fit
from paramedic.report.secret_names import is_secret_key
from paramedic.sdk.pack import Registry
from paramedic.service.hidden import Hidden

FILES = (
    ".mcp.json",
    "mcp.json",
    "claude_desktop_config.json",
    ".cursor/mcp.json",
    ".vscode/mcp.json",
    "config/mcp.json",
)
_LONGEST = 1 << 20
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}")
_OPAQUE = re.compile(r"(sk|pk|ghp|gho|xox[abp]|glpat|key)[-_][\w-]{12,}")
_NOTE = "checks start no server of their own for it until `launch: false` is removed"
Entry = Mapping[str, Any]  # Any: whatever stands in the file


def add_servers(folder: Path, here: Path, registry: Registry, found: Guesses) -> None:
    """Take in what the clients' files in a folder declare. Nothing is started, and no secret is copied."""
    if "mcp" not in registry.kinds:
        return
    seen: set[str] = set()
    for path in (folder / each for each in FILES):
        shown = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
        for name, entry in _entries(path):
            keys = _keys(entry, path)
            if isinstance(keys, str):
                found.left_out.append(LeftOut(name=fit(name), why=f"a server of tools in {shown}; {keys}"))
                continue
            mark = json.dumps(keys, default=str, sort_keys=True)
            if mark in seen:
                continue
            seen.add(mark)
            candidate = Candidate(keys=keys, note=_NOTE if "command" in keys else "", is_sure=True)
            found.add(Guess(name=fit(name), what=f"a server of tools in {shown}", candidates=[candidate]))


def _entries(path: Path) -> Iterator[tuple[str, Entry]]:
    """The servers of a file; none where it is no configuration of a client."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_LONGEST))
        servers = data.get("mcpServers") or data.get("servers")
    except (OSError, ValueError, AttributeError, RecursionError):
        return
    for name, entry in servers.items() if isinstance(servers, Mapping) else ():
        if isinstance(entry, Mapping) and not entry.get("disabled"):
            yield str(name), entry


def _keys(entry: Entry, path: Path) -> dict[str, object] | str:
    """As a service file has it, or why not."""
    url, command = entry.get("url"), entry.get("command")
    if isinstance(url, str) and url:
        if entry.get("type") == "sse":
            return "it speaks the older HTTP with events, which is not looked at"
        if _holds_a_secret(url):
            return "its address holds a secret; declare it by hand with `${NAME}` in its place"
        headers = _texts(entry.get("headers"))
        return {"kind": "mcp", "url": _with_variables(url), **({"headers": headers} if headers else {})}
    if not isinstance(command, str) or not command:
        return "it has neither `url` nor `command`"
    given = entry.get("args")
    args = [str(each) for each in given] if isinstance(given, list) else []
    if any(map(_holds_a_secret, args)) or any(map(_follows_a_secret_option, args, args[1:])):
        return "its command line holds a secret; declare it by hand with `${NAME}` in its place"
    env = _texts(entry.get("env"))
    keys: dict[str, object] = {"kind": "mcp", "command": [_with_variables(each) for each in (command, *args)]}
    if env:
        keys["env"] = env
    if isinstance(entry.get("cwd"), str):
        keys["cwd"] = str(path.parent / entry["cwd"])
    return {**keys, "launch": False}


def _texts(given: object) -> dict[str, object]:
    """What may be copied; a secret becomes the variable of its name, whose value stays where it is."""
    texts: dict[str, object] = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if _VARIABLE.search(str(value)):
            texts[str(name)] = _with_variables(str(value))
        elif not (is_secret_key(str(name)) or _holds_a_secret(str(value))):
            texts[str(name)] = str(value)
        else:
            variable = re.sub(r"\W+", "_", str(name)).upper()
            texts[str(name)] = Reference(f"${{{variable}:-}}")
    return texts


def _with_variables(text: str) -> str:
    """References to the environment, as they are written here."""
    if not _VARIABLE.search(text):
        return text
    parts, end = [], 0
    for each in _VARIABLE.finditer(text):
        parts += [text[end : each.start()], f"${{{each[1]}{each[2] or ':-'}}}"]
        end = each.end()
    return Reference("".join([*parts, text[end:]]))


def _holds_a_secret(text: str) -> bool:
    hidden = Hidden()
    hidden.inside(text)
    name, is_pair, value = text.lstrip("-").partition("=")
    return bool(hidden.values or _OPAQUE.search(text) or (is_pair and value and is_secret_key(name)))


def _follows_a_secret_option(option: str, value: str) -> bool:
    return option.startswith("-") and is_secret_key(option.lstrip("-")) and not _VARIABLE.search(value)
