"""What the header of a model's file tells."""

from dataclasses import dataclass


class Damaged(Exception):
    """The file is not what its format demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """As far as it could be read."""

    format: str
    needs_bytes: int
    """How large the file must be at least, by what its header says."""
    is_exact: bool
    """Whether it must be exactly so large."""
    tensors: int | None
    name: str = ""
    layers: int | None = None
    context: int | None = None
    """The longest context that the model was made for."""
    kv_bytes_a_token: int | None = None
    """What a token of context takes in the KV cache."""
