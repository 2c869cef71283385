"""The regular expression by which a process is found again: short, without secrets, and fitting no other."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from paramedic.discovery.processes import Seen, family
from paramedic.report.redaction import Redactor

_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_MOST_WORDS = 24


def pattern_for(process: Seen, everyone: Mapping[int, Seen], secrets: tuple[str, ...]) -> str | None:
    """The beginning of its command line, as long as needed; ``None`` where a twin or a secret is in the way."""
    safe = Redactor(secrets)
    words = process.line.split(" ")
    telling = PurePath(process.names[0]).name
    for length in range(1, min(len(words), _MOST_WORDS) + 1):
        begin = " ".join(words[:length])
        if safe.text(begin) != begin or not begin.isprintable():
            return None
        if telling not in begin and length < len(words):
            continue
        pattern = "^" + _SPECIAL.sub(r"\\\1", begin) + "( |$)"
        fits = re.compile(pattern)
        if all(process.pid in family(each.pid, everyone) for each in everyone.values() if fits.search(each.line)):
            return pattern
    return None
