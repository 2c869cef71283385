"""A manual page, which is a docstring, as paragraphs."""

import re
import textwrap
from collections.abc import Iterator

HEADING = re.compile(r"(Looks at|Why|By hand|Healed by):")


def paragraphs(manual: str) -> Iterator[str]:
    """One text for each paragraph, on one line; each of the headings begins one."""
    parts: list[list[str]] = [[]]
    for line in manual.splitlines():
        if not line or HEADING.match(line):
            parts.append([])
        parts[-1].append(line.strip())
    for part in parts:
        if text := " ".join(part).strip():
            yield text.replace("``", "`")


def folded(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """Lines no wider than the terminal; no word or name is broken."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
