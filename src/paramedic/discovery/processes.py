"""Which processes run, and by which names each may be known."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from paramedic.sdk import proc

_INTERPRETER = re.compile(r"(python|pypy|node|nodejs|bun|deno|ruby|perl|php|java|sh|bash|dash|zsh)[\d.]*")
_TAKES_A_WORD = ("-r", "--require", "--import", "--loader", "-W", "-X", "-cp", "-classpath", "--title")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process."""

    pid: int
    parent: int
    uid: int
    command: tuple[str, ...]
    names: tuple[str, ...]
    """What it may be called, the most telling first: a module, a script, its program."""
    cwd: Path | None = None
    """``None`` where it may not be known."""
    group: str = ""
    """Its control group, which tells who started it."""

    @property
    def line(self) -> str:
        """The command line as ``ps`` shows it."""
        return " ".join(self.command)


def everybody() -> dict[int, Seen]:
    """Every process with a command line, by pid; kernel threads and the dead have none."""
    found = {}
    for pid in proc.pids():
        command, uid = proc.command(pid), proc.uid(pid)
        if command and any(command) and uid is not None:
            found[pid] = Seen(
                pid=pid,
                parent=proc.parent(pid) or 0,
                uid=uid,
                command=command,
                names=names_of(command, _link(pid, "exe")),
                cwd=_path(_link(pid, "cwd")),
                group=_group(pid),
            )
    return found


def names_of(command: tuple[str, ...], program: str | None = None) -> tuple[str, ...]:
    """What a process may be called: ``python -m uvicorn shop:app`` is ``uvicorn`` before it is ``python``."""
    words = tuple(word for part in command[:1] for word in part.split()) + command[1:]
    if not words:
        return ()
    first = PurePath(words[0]).name.rstrip(":").removeprefix("-")
    given = [first, *([PurePath(program.removesuffix(" (deleted)")).name] if program else [])]
    if not any(_INTERPRETER.fullmatch(each) for each in given):
        return tuple(dict.fromkeys(given))
    return tuple(dict.fromkeys([*_run_by_interpreter(words[1:]), *given]))


def _run_by_interpreter(words: tuple[str, ...]) -> list[str]:
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("-m", "-jar") and at + 1 < len(words):
            module = words[at + 1]
            return [module, PurePath(module).name if word == "-jar" else module.partition(".")[0]]
        if word in ("-c", "-e", "--eval"):
            return []
        if not word.startswith("-"):
            return [PurePath(word).name]
        at += 2 if word in _TAKES_A_WORD else 1
    return []


def family(pid: int, everyone: Mapping[int, Seen]) -> Iterable[int]:
    """A process and those that it descends from."""
    seen: set[int] = set()
    while pid in everyone and pid not in seen:
        seen.add(pid)
        yield pid
        pid = everyone[pid].parent


def eldest(pids: Iterable[int], everyone: Mapping[int, Seen]) -> int:
    """Of processes that share something, the one that the others descend from."""
    among = sorted(pids)
    return next((pid for pid in among if not set(list(family(pid, everyone))[1:]) & set(among)), among[0])


def ourselves() -> set[int]:
    """We, and whoever called us."""
    line, pid = set(), os.getpid()
    while pid and pid not in line:
        line.add(pid)
        pid = proc.parent(pid) or 0
    return line


def environment(pid: int) -> dict[str, str]:
    """The variables that it was started with, where they may be read. They hold secrets: never to be shown."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return {name: value for name, is_one, value in (each.partition("=") for each in content.split("\0")) if is_one}


def _link(pid: int, what: str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/{what}")
    except OSError:
        return None


def _path(text: str | None) -> Path | None:
    return Path(text) if text and text.startswith("/") and not text.endswith(" (deleted)") else None


def _group(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
