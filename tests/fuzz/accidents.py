"""Accidents that happen to bytes, a watchdog over each input, and the secrets that must never come out."""

import contextlib
import os
import random
import signal
from collections.abc import Iterator, Sequence
from types import FrameType

INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))
"""How many inputs each test tries; ``make fuzz`` tries 100,000."""
GUIDED = max(50, INPUTS // 20)
"""How many of them Hypothesis makes."""
LIMIT_S = float(os.environ.get("FUZZ_LIMIT_S", "20"))
"""An input that takes longer is a hang; looks themselves are given up much earlier."""

PLANTED = {
    "password": "hunter2-Zx81-plAnted",
    "token": "tok_live_51Hq8ZvKx7RtYw2LmNp9",
    "key": "sk-proj-abcdefGHIJKL0123456789mnopQRST",
}
"""By the shape in which each is known: by where it stands, by both, by what it looks like."""

_ODD = [
    *"{}[]()<>:,;=-&*!|'\"%@`#?\\/\t\r\n \0\x1b\x7f",
    *("\r\n\r\n", "\n\n", "${", "${X}", "$$", "<<: *a", "&a", "*a", "---", "...", "!!python/object:os.system", "%YAML 9.9"),
    *("null", "~", ".inf", ".nan", "1e999", "-0", "0x", "9" * 4000, "true", "\ufeff", "\u2028", "\x85", "\u202e", "é", "😀"),
    *('"\\ud800"', '"\\U99999999"', "a" * 3000, "[" * 1500, "{" * 300, "- " * 300, "!" + "t" * 2000, "\xff\xfe", "'''", '"""', "[[", "]]", "export "),
    *("%s", "{0}", "../" * 8, "file:///etc/passwd", "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked"),
    *("Location: ", "\r\n 0", "0\r\n\r\n", "ffffffffffffffff\r\n", "-1\r\n", "charset=utf-7", "charset=rot13", "charset=idna", "deflate"),
]  # fmt: skip


def battered(content: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The content with a few accidents: bytes changed, lost, doubled, moved; words put in; halves of others."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 6))):
        at, to = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : min(to, at + 60)]
            case 2:
                data[at:at] = data[at : min(to, at + 300)]
            case 3 | 4:
                data[at:at] = chance.choice(_ODD).encode("utf-8", "surrogatepass")
            case 5:
                del data[at:]
            case 6:
                data[at:at] = chance.randbytes(chance.randint(1, 12))
            case 7:
                other = chance.choice(others) if others else bytes(data)
                data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)


class Hang(Exception):
    """An input took too long."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Whatever happens inside ends in time."""

    def bark(_number: int, _frame: FrameType | None) -> None:
        raise Hang(f"no end after {LIMIT_S:g} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def leaks(said: str, secrets: Sequence[str] = tuple(PLANTED.values())) -> list[str]:
    """The secrets that stand in what was said."""
    return [each for each in secrets if each in said]
