"""Servers of embedding models: there, and still meaning the same."""

from paramedic.packs.embedding.actions import Record
from paramedic.packs.embedding.checks import answers, means_the_same
from paramedic.packs.embedding.target import Embedding
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="embedding",
    kinds=(
        Kind(
            name="embedding",
            summary="a server of an embedding model",
            target=Embedding,
            address=lambda target: target.address,
            files=lambda target: (target.manifest,) if target.manifest else (),
        ),
    ),
    checks=(answers, means_the_same),
    actions=(Record,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
"""The pack."""
