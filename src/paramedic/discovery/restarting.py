"""What could start a process again, as a comment that a person takes over: its command line, or a unit that has it."""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from paramedic.discovery.project import relative
from paramedic.discovery.releases import through_the_link
from paramedic.discovery.scene import Part
from paramedic.report.redaction import Redactor
from paramedic.report.secret_names import is_secret_key
from paramedic.report.words import one_line
from paramedic.sdk import likeness

_PREFIXES = "-@:+!|"
_MOST_WORDS = 40
_LONGEST = 1 << 16
_HIDDEN = "***"


def advice(part: Part, folder: Path, secrets: Sequence[str]) -> Iterator[str]:
    """Lines beneath a process that is only recognised: with one of them it can be started again."""
    process = part.process
    if process is None or part.owner:
        return
    yield "so far it can be watched but not restarted; one of these instead of `match` changes that:"
    if likeness.shows_title(process.command):
        first = process.command[0].split(" ")[0].rstrip(":")
        known = f"{json.dumps(first)}, " if first.isprintable() and Redactor(secrets).text(first) == first else ""
        yield f"process: {{command: [{known}...]}}  # as it is started; it shows a title instead of its command line"
    elif shown := _argv(process.command, secrets):
        cwd = through_the_link(process.cwd, folder) if process.cwd else None
        where = f", cwd: {json.dumps(relative(cwd, folder))}" if cwd and cwd != folder else ""
        yield f"process: {{command: {shown}{where}}}"
        if _HIDDEN in shown:
            yield f"{_HIDDEN} stands for what looks like a secret; best as a variable: ${{NAME}}"
    else:
        yield "process: {command: [...]}  # as it is started"
    unit = next(_units(process.command, folder), None)
    if unit:
        yield f"owner: {{systemd: {json.dumps(unit.stem)}}}  # if {one_line(relative(unit, folder))} is installed"
    else:
        yield "owner: {systemd: NAME}"


def _argv(command: Sequence[str], secrets: Sequence[str]) -> str | None:
    """The words as a list; what looks secret is left out. ``None`` where they are no text to be copied."""
    words = list(command)
    while words and not words[-1]:
        words.pop()
    if not words or len(words) > _MOST_WORDS or not all(word.isprintable() for word in words):
        return None
    safe = Redactor(secrets)
    shown = []
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        is_value = before.startswith("-") and "=" not in before and not word.startswith("-")
        is_named = is_value and (is_secret_key(before.lstrip("-")) or not safe.text(f"{before} {word}").endswith(word))
        if is_named or safe.text(word) != word:
            name, is_one, _ = word.partition("=")
            shown.append(f"{name}={_HIDDEN}" if is_one and word.startswith("-") else _HIDDEN)
        else:
            shown.append(word.replace("${", "$${"))
    return json.dumps(shown, ensure_ascii=False)


def _units(command: Sequence[str], folder: Path) -> Iterator[Path]:
    """Unit files in the folder that start such a command line."""
    for path in sorted((*folder.glob("*.service"), *folder.glob("*/*.service"))):
        try:
            with path.open("rb") as file:
                lines = file.read(_LONGEST).decode("utf-8", "replace").splitlines()
            starts = [line.partition("=")[2].strip() for line in lines if line.startswith("ExecStart=")]
            words = [shlex.split(each.lstrip(_PREFIXES)) for each in starts]
        except (OSError, ValueError):
            continue
        if any(likeness.is_same_command(each, command) for each in words if each):
            yield path
