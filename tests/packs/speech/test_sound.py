"""Audio files of many kinds, whole, cut, and made up."""

import io
import math
import struct
import wave
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.drills.servers.speaker import tone
from paramedic.packs.speech.sound import NoSound, hear


def wav(samples: bytes, *, kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, size: int | None = None):
    """A WAV file, its sizes as they are or as told."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    size = len(samples) if size is None else size
    return (
        b"RIFF" + b"\xff" * 4 + b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", size) + samples
    )


def sine(letter: str, full: float, middle: float = 0.0, count: int = 8000) -> bytes:
    values = [middle + full / 2 * math.sin(at / 5) for at in range(count)]
    return struct.pack(f"<{count}{letter}", *(values if letter in "fd" else map(int, values)))


@pytest.mark.parametrize(
    ("data", "bits", "kind"),
    [
        (sine("B", 127, 128), 8, 1),
        (sine("h", 32767), 16, 1),
        (b"".join(struct.pack("<i", int(4e6 * math.sin(at / 5)))[:3] for at in range(8000)), 24, 1),
        (sine("i", 2**31 - 1), 32, 1),
        (sine("f", 1.0), 32, 3),
        (sine("d", 1.0), 64, 3),
    ],
)
def test_samples_of_every_width(data, bits, kind):
    """Half of full scale is heard as that, whatever the numbers are."""
    sound = hear(wav(data, bits=bits, kind=kind))
    assert sound.format == "WAV"
    assert sound.seconds == pytest.approx(1.0)
    assert sound.peak == pytest.approx(0.5, abs=0.03)
    assert sound.rms == pytest.approx(0.35, abs=0.03)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 10**6])
def test_a_stream_does_not_know_its_size(size):
    """What is there counts."""
    assert hear(wav(sine("h", 32767), size=size)).seconds == pytest.approx(1.0)


def test_a_constant_is_silence():
    """An engine that is stuck at a value is not heard."""
    assert hear(wav(struct.pack("<h", 12000) * 8000)).peak == 0


def test_an_extensible_header_and_other_chunks():
    """As some tools write them."""
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 8000, 32000, 4, 16, 22, 16, 3) + b"\x01\x00" + b"\x00" * 14
    data = b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    samples = sine("h", 32767)
    sound = hear(data + b"data" + struct.pack("<I", len(samples)) + samples)
    assert sound.seconds == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"ID3\x04", "MP3"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"OggS\x00\x02", "Ogg"),
        (b"fLaC\x00\x00", "FLAC"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"\x1a\x45\xdf\xa3", "WebM"),
    ],
)
def test_other_formats_are_told_by_their_magic(magic, name):
    """Without their samples; a few bytes of them are no word."""
    assert hear(magic + b"\0" * 500).format == name
    with pytest.raises(NoSound, match="only"):
        hear(magic)


def test_samples_that_are_compressed_are_not_judged():
    """A WAV file may hold others than plain numbers."""
    assert hear(wav(b"\x55" * 800, kind=7, bits=8)).peak is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing came back"),
        (b'{"detail": "no"}', "begins with"),
        (b"\x00\x01\x02", "no known format"),
        (b"RIFF\0\0\0\0WAVE", "without samples"),
        (wav(b""), "without samples"),
        (wav(b"\0" * 80, channels=0), "0 channels"),
        (wav(b"\0" * 80, bits=12), "12 bits"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\0\0\0\0", "without a description"),
        (wav(struct.pack("<f", math.nan) * 100, kind=3, bits=32), "no numbers"),
    ],
)
def test_what_is_no_audio(data, why):
    """And why."""
    with pytest.raises(NoSound, match=why):
        hear(data)


@given(st.binary(max_size=300), st.integers(0, 60))
def test_whatever_comes_is_judged(junk, cut):
    """Any bytes, alone or after the head of a real file, are audio or none, and nothing else happens."""
    for data in (junk, tone(0.01)[:cut] + junk):
        with suppress(NoSound):
            assert hear(data).format


def test_the_standard_library_agrees():
    """A file that `wave` wrote is read as `wave` reads it."""
    with wave.open(io.BytesIO(tone(0.25))) as file:
        assert hear(tone(0.25)).seconds == file.getnframes() / file.getframerate()
