"""Is there memory enough for the model?"""

import re
from collections.abc import Iterable
from pathlib import Path

from paramedic.packs.host import kernel_log, pressure
from paramedic.packs.host.kernel_log import Victim
from paramedic.packs.llm import codes
from paramedic.packs.llm.header import Damaged, Header
from paramedic.packs.llm.measured import measured
from paramedic.packs.llm.server_log import last_lines
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.weights import read_header
from paramedic.sdk import Context, Depth, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.volume import amount

_SAYS_SO = re.compile(
    r"requires more (?:system |gpu )?memory|out of memory|failed to allocate|unable to allocate|cannot allocate memory"
    r"|std::bad_alloc|insufficient (?:gpu |system )?memory|not enough (?:free )?memory",
    re.IGNORECASE,
)
_MARGIN = 0.9
"""Of the free memory that a model may take; the rest is for computing."""
_BITS = {"f16": 16.0, "q8_0": 8.5, "q6_k": 6.6, "q5_k_m": 5.7, "q4_k_m": 4.8, "q3_k_m": 3.9, "q2_k": 3.2}
"""Bits a weight takes, about, in the usual quantisations of GGUF."""


@check(
    codes.OUT_OF_MEMORY,
    of=Llm,
    depth=Depth.NORMAL,
    timeout_s=10,
    every_s=10,
    id="llm.memory",
)
async def fits(server: Llm, context: Context) -> Finding:
    """There is memory enough for the model.

    Looks at: what the server's newest log lines say, whether the kernel ended it for lack of memory in the last hour,
    and, while it does not run, whether its file is larger than the memory that is free.
    Why: a model that does not fit fails to load, or is loaded and then killed, again and again; no restart helps.
    By hand: ``free -h``; ``journalctl -u ollama | grep -i memory``; ``dmesg -T | grep -i 'out of memory'``
    Healed by: nothing automatic; the hint computes what would fit.
    """
    try:
        lines = await last_lines(server, context)
    except OSError as error:
        return context.unknown(f"the log `{server.log}` cannot be read: {error.strerror or error}")
    said = next((short for line in reversed(lines) if (short := in_words(line))), None)
    said = said or await in_thread(_killed, context)
    if said:
        return finding(said, server, context)
    facts = context.processes.facts(context.component)
    size, free = file_size(server), free_bytes()
    if (
        facts.pid is None
        and size
        and free is not None
        and server.is_here
        and size > free
        and not await _listens(server)
    ):
        return finding(f"the model's file is {amount(size)}, and {amount(free)} are free", server, context)
    text = f"; {amount(free)} are free" if free is not None else ""
    return context.ok(f"nothing says that memory is short for the model{text}")


def in_words(text: str) -> str | None:
    """The line in which a server says that its memory is short."""
    line = next((each for each in text.splitlines() if _SAYS_SO.search(each)), None)
    return " ".join(line.split())[:300] if line else None


def finding(said: str, server: Llm, context: Context) -> Finding:
    """The finding, with what would fit."""
    free = free_bytes()
    found = context.critical(
        codes.OUT_OF_MEMORY,
        observed="the model does not fit into the memory that is there",
        expected="memory for the model and its context",
        because=said,
        hint=advice(server, free),
        evidence=(Evidence(label="what says so", text=said),),
    )
    return found if free is None else measured(found, {"free_bytes": float(free)})


def advice(server: Llm, free: int | None) -> str:
    """What fits into so much memory."""
    size, header = file_size(server), _header(server)
    if free is None:
        return "use a smaller model, a smaller quantisation or a shorter context, or give it more memory"
    room = int(free * _MARGIN)
    told = f"{amount(free)} are free, of which a model should take at most {amount(room)}"
    if size is None:
        fitting = ", ".join(f"{room * 8 / bits / 1e9:.1f} billion at {name}" for name, bits in _some())
        return f"{told}: about {fitting} (parameters); use such a model, a shorter context, or give it more memory"
    if size > room:
        share = 100 * room / size
        return (
            f"{told}, and its file is {amount(size)}: use a quantisation of at most {share:.0f} % of that size, "
            f"a smaller model, or give it {amount(size / _MARGIN - free)} more"
        )
    if header and header.kv_bytes_a_token:
        tokens = (room - size) // header.kv_bytes_a_token
        return f"{told}: its file ({amount(size)}) fits, with a context of at most {tokens} tokens; set that, or less"
    return f"{told}: its file ({amount(size)}) fits, so shorten its context, or let fewer requests run at once"


def free_bytes() -> int | None:
    """Memory that can be had on this machine, or within our control group."""
    try:
        seen = pressure.SYSTEM.memory()
    except (OSError, KeyError):
        return None
    return max(0, seen.limit - seen.used)


def file_size(server: Llm) -> int | None:
    """The size of the model's file."""
    try:
        return server.file.stat().st_size if server.file else None
    except OSError:
        return server.file_bytes


def _header(server: Llm) -> Header | None:
    try:
        return read_header(server.file) if server.file else None
    except (OSError, Damaged):
        return None


def _some() -> Iterable[tuple[str, float]]:
    return [(name, _BITS[name]) for name in ("f16", "q8_0", "q4_k_m")]


async def _listens(server: Llm) -> bool:
    """Whether somebody serves it, though Paramedic knows of no process."""
    from paramedic.sdk import proc

    return bool(await in_thread(proc.listeners, server.address[1]))


def _killed(context: Context) -> str | None:
    """Whether the kernel ended this component's process lately, as far as its log may be read."""
    spec = context.component.process
    if spec is None or not spec.command:
        return None
    name = Path(spec.command[0]).name[:15]  # the kernel keeps no more of a name
    exits = [each for each in context.processes.facts(context.component).exits if each.code == -9]
    if not exits:
        return None
    try:
        found = [each for each in kernel_log.victims() if _is(each, name)]
    except OSError:
        return None
    return f"the kernel ended {found[-1]} for lack of memory" if found else None


def _is(victim: Victim, name: str) -> bool:
    return victim.name.startswith(name) or name.startswith(victim.name)
