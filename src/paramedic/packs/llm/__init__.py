"""Servers of language models: there, with their model, and really generating; their files, threads and memory."""

from pathlib import Path

from paramedic.packs.llm.accelerator import has_room
from paramedic.packs.llm.actions import PullModel, RefetchModel
from paramedic.packs.llm.capacity import holds_prompts, keeps_up
from paramedic.packs.llm.checks import answers
from paramedic.packs.llm.generating import generates
from paramedic.packs.llm.shortage import fits
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.threads import fit_the_cores
from paramedic.packs.llm.weights import is_whole
from paramedic.sdk import Kind, Pack


def _files(target: Llm) -> tuple[Path, ...]:
    return tuple(each for each in (target.file, target.manifest) if each is not None)


pack = Pack(
    name="llm",
    kinds=(
        Kind(
            name="llm",
            summary="a server of a language model: llama.cpp, vLLM, Ollama, LM Studio, or a hosted one",
            target=Llm,
            address=lambda target: target.address,
            files=_files,
        ),
    ),
    checks=(answers, generates, is_whole, holds_prompts, keeps_up, fit_the_cores, fits, has_room),
    actions=(PullModel, RefetchModel),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
"""The pack."""
