"""Whether an index fits into the memory of whoever loads it, and how small it could be."""

from collections.abc import Mapping
from typing import Any

from paramedic.packs.vector import codes
from paramedic.packs.vector.target import Vector
from paramedic.sdk import Context, Finding
from paramedic.sdk.volume import amount

_NEARLY = 0.8
_NUMBERS_A_CODE = 4
"""Of product quantisation: how many numbers of a vector become one byte."""


def judge(target: Vector, context: Context, measures: Mapping[str, Any]) -> Finding | None:  # Any: numbers
    """What is wrong with its size, if anything."""
    limit, whose = limit_of(target, context)
    if limit is None:
        return None
    size = measures["size_mb"] * 1e6
    if size <= _NEARLY * limit:
        return None
    smaller = after(measures)
    advice = " and ".join(f"{amount(count)} with {name.upper()}" for name, count in smaller.items())
    fits = next((name for name, count in smaller.items() if count <= _NEARLY * limit), None)
    hint = f"as it is, it needs {amount(size)}; it would need {advice}"
    if fits:
        hint += f": `paramedic vector compact {context.component.name} --to {fits}`, at the price of some recall"
    tell = context.critical if size > limit else context.warning
    return tell(
        codes.MEMORY,
        observed=f"`{target.index.name}` has {amount(size)}; {whose} is {amount(limit)}",
        expected=f"an index below {_NEARLY:.0%} of that".replace("%", " %"),
        because="an index is held in memory as a whole",
        hint=hint,
        path=target.index,
        **{**measures, **{f"{name}_mb": count / 1e6 for name, count in smaller.items()}},
    )


def limit_of(target: Vector, context: Context) -> tuple[float | None, str]:
    """The lowest memory limit of a process that loads it, in bytes, and whose it is."""
    if target.memory_limit_bytes:
        return target.memory_limit_bytes, "the memory that its process may use"
    limits = [
        (each.thresholds["memory_mb"] * 1e6, f"the memory that `{each.name}` may use")
        for each in context.service.components.values()
        if context.component.name in each.depends_on and "memory_mb" in each.thresholds
    ]
    return min(limits, default=(None, ""))


def after(measures: Mapping[str, float]) -> dict[str, float]:
    """How many bytes it would have after scalar (8 bit) and product quantisation; only what makes it smaller."""
    count, dimension, each = measures["vectors"], measures["dimension"], measures["bytes_a_vector"]
    rest = max(0.0, measures["size_mb"] * 1e6 - count * each)  # ids, links, centroids stay
    codebook = 256 * 4 * dimension
    found = {"sq8": rest + count * dimension + 8 * dimension, "pq": rest + count * pieces(int(dimension)) + codebook}
    return {name: size for name, size in found.items() if size < measures["size_mb"] * 1e6}


def pieces(dimension: int) -> int:
    """Into how many bytes product quantisation turns a vector."""
    wanted = max(1, dimension // _NUMBERS_A_CODE)
    return next(count for count in range(wanted, 0, -1) if dimension % count == 0)
