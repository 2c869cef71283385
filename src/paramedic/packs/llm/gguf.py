"""The header of a GGUF file, read with bounds: it may come from anybody, be cut off, or claim what it likes.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from paramedic.packs.llm.header import Damaged, Header

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_ENTRIES, _MOST_TENSORS = 1 << 16, 1 << 18
_LONGEST_NAME, _LONGEST_TEXT = 1 << 12, 1 << 24
_LONGEST_ARRAY = 1 << 23
_LONGEST_HEADER = 1 << 29
_DEEPEST = 3
_MOST_DIMENSIONS = 4
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
}
"""Type of a tensor to how many values a block holds, and in how many bytes (``ggml.c``)."""
_FACTS = ("general.alignment", "general.name", "general.architecture")
_WANTED = ("block_count", "context_length", "embedding_length", "attention.head_count", "attention.head_count_kv",
           "attention.key_length", "attention.value_length")  # fmt: skip


@dataclass(kw_only=True)
class _Reader:
    """Reads from a file that ends somewhere."""

    file: BinaryIO
    size: int
    at: int = 0
    facts: dict[str, object] = field(default_factory=dict)

    def take(self, count: int) -> bytes:
        if self.at + count > min(self.size, _LONGEST_HEADER):
            raise Damaged(f"its header ends after {self.size} bytes" if self.size <= _LONGEST_HEADER else "its header "
                          "is absurdly long")  # fmt: skip
        found = self.file.read(count)
        if len(found) != count:
            raise Damaged("it ends in the middle of its header")
        self.at += count
        return found

    def skip(self, count: int) -> None:
        if self.at + count > min(self.size, _LONGEST_HEADER):
            raise Damaged("it ends in the middle of its header")
        self.file.seek(count, 1)
        self.at += count

    def number(self, code: str) -> int:
        (found,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return int(found)

    def text(self, longest: int) -> str:
        length = self.number("Q")
        if length > longest:
            raise Damaged(f"a text in its header claims {length} bytes")
        return self.take(length).decode(errors="replace")


def read(file: BinaryIO, size: int) -> Header:
    """The header of a file that begins with ``GGUF``.

    Raises:
        Damaged: with the reason.
    """
    reader = _Reader(file=file, size=size)
    if reader.take(4) != MAGIC:
        raise Damaged("it does not begin as a GGUF file")
    version = reader.number("I")
    if version not in _VERSIONS:
        raise Damaged(f"its version is {version}")
    tensors, entries = reader.number("Q"), reader.number("Q")
    if tensors > _MOST_TENSORS or entries > _MOST_ENTRIES:
        raise Damaged(f"its header claims {tensors} tensors and {entries} entries")
    for _ in range(entries):
        _entry(reader)
    end = _tensors(reader, tensors)
    return Header(
        format="GGUF",
        needs_bytes=end,
        is_exact=False,  # writers may pad the end
        tensors=tensors,
        name=str(reader.facts.get("general.name", ""))[:100],
        layers=_whole(reader, "block_count"),
        context=_whole(reader, "context_length"),
        kv_bytes_a_token=_kv_bytes(reader),
    )


def _entry(reader: _Reader) -> None:
    name = reader.text(_LONGEST_NAME)
    kind = reader.number("I")
    is_wanted = name in _FACTS or name.partition(".")[2] in _WANTED
    if kind in _FIXED:
        (value,) = struct.unpack(f"<{_FIXED[kind]}", reader.take(struct.calcsize(f"<{_FIXED[kind]}")))
        if is_wanted:
            reader.facts[name] = value
    elif kind == _TEXT:
        text = reader.text(_LONGEST_TEXT)
        if is_wanted:
            reader.facts[name] = text
    elif kind == _ARRAY:
        _skip_array(reader, _DEEPEST)
    else:
        raise Damaged(f"an entry of its header has the unknown type {kind}")


def _skip_array(reader: _Reader, depth: int) -> None:
    kind, count = reader.number("I"), reader.number("Q")
    if count > _LONGEST_ARRAY:
        raise Damaged(f"a list in its header claims {count} entries")
    if kind in _FIXED:
        reader.skip(count * struct.calcsize(f"<{_FIXED[kind]}"))
    elif kind == _TEXT:
        for _ in range(count):
            length = reader.number("Q")
            if length > _LONGEST_TEXT:
                raise Damaged(f"a text in its header claims {length} bytes")
            reader.skip(length)
    elif kind == _ARRAY and depth > 0:
        for _ in range(count):
            _skip_array(reader, depth - 1)
    else:
        raise Damaged(f"a list in its header has the unknown type {kind}")


def _tensors(reader: _Reader, count: int) -> int:
    """Where the last tensor ends, as far as its type is known."""
    furthest = 0
    for _ in range(count):
        reader.text(_LONGEST_NAME)
        dimensions = reader.number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise Damaged(f"a tensor claims {dimensions} dimensions")
        values = 1
        for _ in range(dimensions):
            values *= reader.number("Q")
        kind, offset = reader.number("I"), reader.number("Q")
        per, size = _BLOCKS.get(kind, (1, 0))
        furthest = max(furthest, offset + -(-values // per) * size)
    alignment = reader.facts.get("general.alignment", 32)
    alignment = alignment if isinstance(alignment, int) and 0 < alignment <= 1 << 20 else 32
    return -(-reader.at // alignment) * alignment + furthest if count else reader.at


def _whole(reader: _Reader, name: str) -> int | None:
    found = reader.facts.get(f"{reader.facts.get('general.architecture', '')}.{name}")
    return found if isinstance(found, int) and 0 < found < 1 << 40 else None


def _kv_bytes(reader: _Reader) -> int | None:
    """What one token of context takes in the KV cache, at 16 bits a number."""
    get: Callable[[str], int | None] = lambda name: _whole(reader, name)  # noqa: E731  # short, and only here
    layers, heads, width = get("block_count"), get("attention.head_count"), get("embedding_length")
    if not (layers and heads and width):
        return None
    kv_heads = get("attention.head_count_kv") or heads
    key, value = get("attention.key_length") or width // heads, get("attention.value_length") or width // heads
    return 2 * layers * kv_heads * (key + value)
