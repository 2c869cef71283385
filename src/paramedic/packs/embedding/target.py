"""Which embedding model, and where it is recorded what it has to say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Gt

from paramedic.packs.llm.target import ModelServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding(ModelServer):
    """A server of an embedding model."""

    dimension: Annotated[int, Gt(0)] | None = None
    """How many numbers each vector has."""
    manifest: Path | None = None
    """Canary texts with the vectors that the model gave, as ``paramedic embedding record`` writes them."""
