"""Words of a patient in HTML and Markdown: they are shown, and can never become markup."""

import re
from collections.abc import Iterable, Iterator
from html import escape

from paramedic.report.words import one_line, printable

_SPECIAL = re.compile(r"([\\*_\[\]#|~!@])")


def html_said(text: str) -> str:
    """On one line and without markup, except that names in backticks are code."""
    parts = escape(one_line(text)).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow: none of them means code
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def html_plain(text: str) -> str:
    """On one line and without markup."""
    return escape(one_line(text))


def html_verbatim(text: str) -> str:
    """As it is, lines and all."""
    return escape(printable(text))


def pairs(told: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The lines of an HTML list of names and what is said of each; what says nothing is left out."""
    yield from (
        f'<div class="{"hint" if name == "hint" else "fact"}">'
        f"<dt>{html_said(name)}</dt><dd>{html_said(text)}</dd></div>"
        for name, text in told
        if text.strip()
    )


def markdown_said(text: str) -> str:
    """On one line and free of markup, except that names in backticks stay code."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow: none of them means code
        return "\\`".join(_plain(part) for part in parts)
    return "`".join(part.replace("|", "\\|") if index % 2 else _plain(part) for index, part in enumerate(parts))


def markdown_code(name: str) -> str:
    """A name as code."""
    return f"`{one_line(name).replace('`', '')}`"


def markdown_verbatim(label: str, text: str) -> list[str]:
    """As it is, in a fence that nothing in it can close."""
    text = printable(text)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    return ["", f"{markdown_said(label)}:", "", f"{fence}text", text, fence]


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
