"""Asks an interpreter anew only when something of it has changed: asking starts a process, looking costs nothing."""

from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.python.facts import Facts, ask
from paramedic.packs.python.interpreter import asked_as
from paramedic.sdk import Context

_AT_LEAST_EVERY_S = 60.0
"""What changes inside a package's folder leaves no mark on the folders that are watched."""
_ENOUGH_S = 1.0

Stamp = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What it said last."""

    program: Path
    facts: Facts
    stamp: Stamp
    at_s: float


async def facts_of(program: Path, context: Context) -> Facts:
    """What the interpreter says of itself, as it is now.

    Raises:
        Missing: there is none.
        Unusable: it is there and does not work.
        NoAnswer: it could not be asked.
    """
    known, before = context.memory.get("answer"), None
    if isinstance(known, _Answer) and known.program == program:
        before = _stamp(program, known.facts)
        if known.stamp == before and context.clock.monotonic() - known.at_s < _AT_LEAST_EVERY_S:
            return known.facts
    account = asked_as(program, context.component, context.processes)
    facts = await ask(program, account, max(_ENOUGH_S, context.remaining_s - _ENOUGH_S))
    # as it was before the question: what changes while it answers is asked for once more
    stamp = before or _stamp(program, facts)
    context.memory["answer"] = _Answer(program=program, facts=facts, stamp=stamp, at_s=context.clock.monotonic())
    return facts


def _stamp(program: Path, facts: Facts) -> Stamp:
    return tuple(_mark(each) for each in (program, facts.prefix / "pyvenv.cfg", *facts.path))


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino
