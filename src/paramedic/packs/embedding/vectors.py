"""What can be told of vectors by themselves, and held against others: pure functions."""

import math
from collections.abc import Sequence

Vector = Sequence[float]


def norm(vector: Vector) -> float:
    """Its length."""
    return math.sqrt(sum(each * each for each in vector))


def cosine(one: Vector, other: Vector) -> float:
    """How much two vectors of the same dimension point the same way, from -1 to 1."""
    scale = norm(one) * norm(other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / scale if scale else 0.0


def what_is_wrong(vectors: Sequence[Vector]) -> str | None:
    """Why vectors of different texts are no embeddings; ``None`` where they may be."""
    for number, vector in enumerate(vectors):
        strange = sum(not math.isfinite(each) for each in vector)
        if strange:
            return f"{strange} of the {len(vector)} numbers of vector {number} are none"
        if not any(vector):
            return f"vector {number} holds only zeros"
    if len(vectors) > 1 and all(list(each) == list(vectors[0]) for each in vectors):
        return "every text gets the same vector"
    return None
