"""Is there memory left on the accelerators?"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.llm import codes
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context, Depth, Evidence, Finding, check

_TOOL = "nvidia-smi"
_QUESTION = ("--query-gpu=index,name,memory.used,memory.total", "--format=csv,noheader,nounits")
_CARDS = Path("/sys/class/drm")
_MB = 1 << 20
_LIMIT_S = 5.0
_LIMIT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One accelerator."""

    name: str
    used_mb: float
    total_mb: float

    @property
    def percent(self) -> float:
        return 100 * self.used_mb / self.total_mb

    def __str__(self) -> str:
        return f"{self.name}: {self.used_mb:.0f} of {self.total_mb:.0f} MB ({self.percent:.0f} %)"


class CannotTell(Exception):
    """The accelerators could not be asked."""


@check(
    codes.GPU_MEMORY,
    of=Llm,
    when=lambda server: server.is_here or bool(server.accelerator),
    depth=Depth.NORMAL,
    timeout_s=8,
    every_s=10,
    id="gpu.memory",
)
async def has_room(server: Llm, context: Context) -> Finding:
    """There is memory left on the accelerators.

    Looks at: what ``nvidia-smi`` (or the command in ``accelerator``) says, and the kernel's counters of AMD's cards.
    A model that fills a card on purpose is no trouble, so the line is high: ``gpu_percent`` (97). Without an
    accelerator there is nothing to look at.
    Why: the next longer prompt or the next model then fails, or is computed by the processor, many times slower.
    By hand: ``nvidia-smi``; ``rocm-smi --showmeminfo vram``
    Healed by: nothing automatic; the finding names each card.
    """
    tool = list(server.accelerator) or ([found, *_QUESTION] if (found := shutil.which(_TOOL)) else [])
    try:
        cards = [*(await _asked(tool, context) if tool else ()), *_of_the_kernel(_CARDS)]
    except CannotTell as cannot:
        return context.unknown(
            f"the accelerators' memory cannot be told: {cannot}",
            hint=f"try `{' '.join(tool)}`, and correct `accelerator`",
        )
    if not cards:
        return context.ok("there is no accelerator here")
    fullest = max(cards, key=lambda each: each.percent)
    limit = context.threshold("gpu_percent", 97)
    if fullest.percent < limit:
        return context.ok(f"the fullest accelerator is {fullest}", gpu_percent=fullest.percent)
    return context.critical(
        codes.GPU_MEMORY,
        observed=f"the memory of an accelerator is full: {fullest}",
        expected=f"less than {limit:g} %",
        because="",
        hint="see who uses it with `nvidia-smi --query-compute-apps=pid,used_memory --format=csv`; stop what is not "
        "needed, shorten the context, let fewer requests run at once, or use a smaller quantisation",
        evidence=(Evidence(label="accelerators", text="\n".join(map(str, cards))),),
        gpu_percent=fullest.percent,
    )


async def _asked(command: Sequence[str], context: Context) -> list[Card]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=context.service.path.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise CannotTell(f"`{command[0]}` cannot be started: {error.strerror}") from None
    try:
        assert process.stdout is not None
        limit_s = min(_LIMIT_S, context.remaining_s * 0.8)
        out = await asyncio.wait_for(process.stdout.read(_LIMIT_BYTES), limit_s)
        code = await asyncio.wait_for(process.wait(), limit_s)
    except TimeoutError:
        raise CannotTell(f"`{command[0]}` did not end in time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise CannotTell(f"`{command[0]}` ended with {code}")
    return [_card(line) for line in out.decode(errors="replace").splitlines() if line.strip()]


def _card(line: str) -> Card:
    parts = [each.strip() for each in line.split(",")]
    try:
        card = Card(name=f"{parts[0]} {parts[1]}"[:60], used_mb=float(parts[-2]), total_mb=float(parts[-1]))
        _ = card.percent
    except (ValueError, IndexError, ZeroDivisionError):
        raise CannotTell(f"`{line[:80]}` is not index, name, used and total") from None
    return card


def _of_the_kernel(folder: Path) -> list[Card]:
    found = []
    for total in sorted(folder.glob("card*/device/mem_info_vram_total")):
        try:
            used = float((total.parent / "mem_info_vram_used").read_text())
            most = float(total.read_text())
        except (OSError, ValueError):
            continue
        if most > 0:
            found.append(Card(name=total.parent.parent.name, used_mb=used / _MB, total_mb=most / _MB))
    return found
