"""Is this audio, and can anything be heard in it? WAV is read to its samples, other formats are told by their magic."""

import math
import struct
import sys
from array import array
from dataclasses import dataclass

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MOST_SAMPLES = 200_000
_LEAST_BYTES = 64
"""A compressed file that is shorter holds no word."""
_MAGIC = (
    (b"ID3", 0, "MP3"),
    (b"OggS", 0, "Ogg"),
    (b"fLaC", 0, "FLAC"),
    (b"ftyp", 4, "MP4"),
    (b"\x1a\x45\xdf\xa3", 0, "WebM"),
    (b"FORM", 0, "AIFF"),
)


class NoSound(Exception):
    """A file is no audio; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is known of an audio file."""

    format: str
    seconds: float | None = None
    """How long it is, where that can be told."""
    peak: float | None = None
    """The largest deviation from the mean, as a share of full scale, where samples can be read."""
    rms: float | None = None
    """The root of the mean square of these deviations."""


def hear(data: bytes) -> Sound:
    """What a file holds.

    Raises:
        NoSound: it is no audio.
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return _wave(data)
    for magic, at, name in _MAGIC:
        if data[at : at + len(magic)] == magic:
            return _compressed(name, data)
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:  # the sync word of MPEG audio
        return _compressed("AAC" if data[1] & 0xF6 == 0xF0 else "MP3", data)
    if not data:
        raise NoSound("nothing came back")
    begin = data[:60].decode("utf-8", "replace")
    raise NoSound(
        f"it begins with {begin!r}" if begin.isprintable() else "its first bytes are those of no known format"
    )


def _compressed(name: str, data: bytes) -> Sound:
    if len(data) < _LEAST_BYTES:
        raise NoSound(f"an {name} file of only {len(data)} bytes came back")
    return Sound(format=name)


def _wave(data: bytes) -> Sound:
    form: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        begin = at + 8
        if name == b"fmt " and len(data) >= begin + 16:
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, begin)
            if kind == _EXTENSIBLE and len(data) >= begin + 26:
                kind = int.from_bytes(data[begin + 24 : begin + 26], "little")
            form = (kind, channels, rate, bits)
        if name == b"data":
            if form is None:
                raise NoSound("a WAV file without a description of its samples came back")
            # who streams does not know the size beforehand, and writes none or the largest
            end = len(data) if size in (0, 0xFFFFFFFF, 0x7FFFFFFF) else min(begin + size, len(data))
            return _measured(data[begin:end], *form)
        at = begin + size + size % 2
    raise NoSound("a WAV file without samples came back")


def _measured(data: bytes, kind: int, channels: int, rate: int, bits: int) -> Sound:
    width = bits // 8
    if not (channels and rate and width) or (kind, bits) not in _READABLE:
        if kind in (_PCM, _FLOAT):
            raise NoSound(f"a WAV file of {channels} channels, {rate} Hz and {bits} bits came back")
        return Sound(format="WAV")  # samples that are compressed
    data = data[: len(data) // width * width]
    seconds = len(data) / width / channels / rate
    if not data:
        raise NoSound("a WAV file without samples came back")
    samples = _samples(data, kind, width)
    mean = math.fsum(samples) / len(samples)
    squares = math.fsum((each - mean) ** 2 for each in samples)
    peak = max(abs(max(samples) - mean), abs(min(samples) - mean))
    if not math.isfinite(squares):
        raise NoSound("a WAV file with samples that are no numbers came back")
    return Sound(format="WAV", seconds=seconds, peak=peak, rms=math.sqrt(squares / len(samples)))


_READABLE = {(_PCM, 8): "B", (_PCM, 16): "h", (_PCM, 24): "", (_PCM, 32): "i", (_FLOAT, 32): "f", (_FLOAT, 64): "d"}


def _samples(data: bytes, kind: int, width: int) -> list[float]:
    """Samples as shares of full scale; of a long file evenly spread ones."""
    if (letter := _READABLE[kind, width * 8]) == "":
        data = b"".join(data[at + 1 : at + 3] for at in range(0, len(data), 3))  # the upper two of three bytes
        letter = "h"
    values = array(letter)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    chosen = values[:: max(1, len(values) // _MOST_SAMPLES)]
    if kind == _FLOAT:
        return [float(each) for each in chosen]
    if letter == "B":
        return [(each - 128) / 128 for each in chosen]
    full = float(1 << (8 * values.itemsize - 1))
    return [each / full for each in chosen]
