"""Our side of the conversation with the child that loads a patient's index."""

from pathlib import Path

from paramedic.packs.vector.target import Vector
from paramedic.sdk import ActContext, Context
from paramedic.sdk.child import Answer, Child, Crashed, NoAnswer

__all__ = ["Answer", "Crashed", "NoAnswer", "ask", "ask_now", "memory_for", "source_order"]

_BASE, _TIMES = 2 << 30, 3
CHILD = Child(
    module="paramedic.packs.vector.inside.child",
    called="FAISS",
    with_packages=True,
    borrows=("paramedic.packs.sqlite",),
    # a look must not take every core of the machine, and each thread reserves memory
    environment={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
)
ask = CHILD.ask
ask_now = CHILD.ask_now


def memory_for(*paths: Path | None) -> int:
    """How much address space a child may use that loads these files: a sound one never needs more."""
    sizes = [each.stat().st_size for each in paths if each and each.exists()]
    return _BASE + _TIMES * sum(sizes)


def source_order(context: Context | ActContext) -> dict[str, object] | None:
    """The declared source as the child is told of it; commands run in the folder of the service file."""
    target = context.component.target
    if not isinstance(target, Vector) or target.source is None:
        return None
    return {**target.source.order, "cwd": str(context.service.path.parent)}
