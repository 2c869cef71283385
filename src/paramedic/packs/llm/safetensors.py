"""The header of a safetensors file, read with bounds. The format: https://github.com/huggingface/safetensors"""

import json
import struct
from typing import BinaryIO

from paramedic.packs.llm.header import Damaged, Header

_LONGEST = 4 << 20
"""Real headers are far shorter; one that is longer is not looked into, because a stranger chose what it holds."""
_MOST = 100 << 20
"""The format's own limit."""


def read(file: BinaryIO, size: int) -> Header:
    """The header of a file whose name ends with ``.safetensors``.

    Raises:
        Damaged: with the reason.
    """
    start = file.read(8)
    if len(start) != 8:
        raise Damaged("it ends in the middle of its header")
    (length,) = struct.unpack("<Q", start)
    if length > _MOST or 8 + length > size:
        raise Damaged(f"its header claims {length} bytes")
    if length > _LONGEST:
        return Header(format="safetensors", needs_bytes=8 + length, is_exact=False, tensors=None)
    content = file.read(length)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise Damaged("its header is no JSON") from None
    if not isinstance(data, dict):
        raise Damaged("its header is no JSON object")
    end, count = 0, 0
    for name, entry in data.items():
        if name == "__metadata__":
            continue
        end, count = max(end, _end(entry)), count + 1
    return Header(format="safetensors", needs_bytes=8 + length + end, is_exact=True, tensors=count)


def _end(entry: object) -> int:
    """Where a tensor ends within the data.

    Raises:
        Damaged: it does not say so.
    """
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    match offsets:
        case [int(begin), int(end)] if 0 <= begin <= end:
            return end
    raise Damaged("a tensor in its header has no place")
