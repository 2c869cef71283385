"""Whether what a model said is text at all: pure functions."""

import math
import zlib
from collections import Counter

_FEWEST = 8
"""Of shorter texts nothing can be told."""
_REPEATS = 4
"""A beginning that only repeats itself so many times to the end is no answer."""
_LONGEST_PERIOD = 24
_BROKEN_SHARE = 0.2
_COMPRESSED = 0.25
"""Plain text of a few hundred characters keeps more than this of its size when compressed."""
_LONG = 160


def what_is_wrong(text: str) -> str | None:
    """Why a text is no answer; ``None`` where it may be one."""
    if not text.strip():
        return "nothing but white space" if text else "nothing at all"
    broken = sum(each == "�" or (not each.isprintable() and each not in "\n\t\r") for each in text)
    if broken / len(text) > _BROKEN_SHARE:
        return f"{broken} of {len(text)} characters that are no text"
    if repeated := _repetition(text):
        return repeated
    if len(text) >= _LONG and len(zlib.compress(text.encode(errors="replace"))) / len(text) < _COMPRESSED:
        return "hardly anything but repetitions"
    return None


def _repetition(text: str) -> str | None:
    """The shortest part of which the end of the text consists, where it is repeated often enough."""
    words = text.split()
    if len(words) >= _FEWEST:
        word, count = Counter(words).most_common(1)[0]
        if count / len(words) > 0.75:
            return f"`{word[:40]}` {count} times in {len(words)} words"
    dense = "".join(text.split())
    if len(dense) < _FEWEST:
        return None
    for period in range(1, min(_LONGEST_PERIOD, len(dense) // _REPEATS) + 1):
        unit = dense[-period:]
        times = 0
        while dense.endswith(unit, 0, len(dense) - times * period):
            times += 1
        if times >= max(_REPEATS, math.ceil(_FEWEST / period)) and times * period >= len(dense) * 0.6:
            return f"`{unit[:40]}` {times} times running"
    return None
