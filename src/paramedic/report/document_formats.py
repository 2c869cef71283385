"""A document as text, Markdown and HTML."""

import textwrap
from collections.abc import Callable, Iterator, Sequence

from paramedic.report.chronicle import chronicle
from paramedic.report.document import Block, Document, Facts, Moments, Points, Rows, Section, Verbatim, Words
from paramedic.report.markup import html_said, html_verbatim, markdown_said, markdown_verbatim, pairs
from paramedic.report.page import page
from paramedic.report.words import LOOKS, one_line, printable

_WIDTH = 80
_DEEPEST = 6


def render_document(document: Document, format: str) -> str:
    """The document in one of ``DOCUMENT_FORMATS``, ending with a line feed. Its texts are made safe already."""
    return DOCUMENT_FORMATS[format](document)


def _markdown(document: Document) -> str:
    lines = [f"# {markdown_said(document.title)}: {markdown_said(document.verdict.word)}"]
    if document.lead:
        lines += ["", markdown_said(document.lead)]
    for each in document.blocks:
        lines += _as_markdown(each, 2)
    if document.made_by:
        lines += ["", "---", "", markdown_said(document.made_by)]
    return "\n".join(lines) + "\n"


def _as_markdown(block: Block, depth: int) -> Iterator[str]:
    match block:
        case Section():
            verdict = (
                f"{LOOKS[block.verdict.tone].glyph} {markdown_said(block.verdict.word)}: " if block.verdict else ""
            )
            yield from ("", f"{'#' * min(depth, _DEEPEST)} {verdict}{markdown_said(block.heading)}")
            for each in block.blocks:
                yield from _as_markdown(each, depth + 1)
        case Facts():
            yield ""
            yield from (
                f"- **{markdown_said(name)}**: {markdown_said(text)}" for name, text in block.pairs if text.strip()
            )
        case Words():
            yield from ("", markdown_said(block.text))
        case Points():
            yield ""
            yield from (f"- {markdown_said(each)}" for each in block.points)
        case Rows():
            yield ""
            yield f"| {' | '.join(map(markdown_said, block.heads))} |"
            yield f"|{'---|' * len(block.heads)}"
            yield from (f"| {' | '.join(map(markdown_said, row))} |" for row in block.rows)
        case Verbatim():
            yield from markdown_verbatim(block.label, block.text)
        case Moments():
            return  # it is a picture of rows that stand below


def _html(document: Document) -> str:
    return page(
        title=document.title,
        tone=document.verdict.tone,
        glyph=LOOKS[document.verdict.tone].glyph,
        word=document.verdict.word,
        lead=html_said(document.lead),
        body=(line for each in document.blocks for line in _as_html(each, 2)),
        made_by=document.made_by,
    )


def _as_html(block: Block, depth: int) -> Iterator[str]:
    match block:
        case Section():
            yield from _section(block, depth)
        case Facts():
            yield from ("<dl>", *pairs(block.pairs), "</dl>")
        case Words():
            yield f"<p>{html_said(block.text)}</p>"
        case Points():
            yield from ("<ul>", *(f"<li>{html_said(each)}</li>" for each in block.points), "</ul>")
        case Rows():
            yield from _table(block)
        case Verbatim():
            yield f"<details open><summary>{html_said(block.label)}</summary>"
            yield f"<pre>{html_verbatim(block.text)}</pre></details>"
        case Moments():
            if drawn := chronicle(block):
                yield f"<figure>{drawn}</figure>"


def _section(block: Section, depth: int) -> Iterator[str]:
    kind = f' class="problem {block.verdict.tone.value}"' if block.verdict else ""
    level, tag = min(depth, _DEEPEST), "div" if block.is_part else "section"
    verdict = ""
    if block.verdict:
        glyph = LOOKS[block.verdict.tone].glyph
        verdict = f'<span class="verdict">{glyph} {html_said(block.verdict.word)}</span> '
    yield f"<{tag}{kind}><h{level}>{verdict}{html_said(block.heading)}</h{level}>"
    for each in block.blocks:
        yield from _as_html(each, depth + 1)
    yield f"</{tag}>"


def _table(block: Rows) -> Iterator[str]:
    heads = "".join(f"<th>{html_said(head)}</th>" for head in block.heads)
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    for number, row in enumerate(block.rows, 1):
        tone = block.tones[number - 1] if block.tones else None
        marks = f' class="toned {tone.value}"' if tone else ""
        marks += f' id="{block.anchor}{number}"' if block.anchor else ""
        first, *rest = row
        cells = "".join(f"<td>{html_said(each)}</td>" for each in rest)
        yield f'<tr{marks}><th scope="row">{html_said(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _text(document: Document) -> str:
    look = LOOKS[document.verdict.tone]
    lines = _folded(f"{look.glyph} {document.title}: {document.verdict.word}", rest="  ")
    lines += _folded(document.lead)
    for each in document.blocks:
        lines += _as_text(each, "")
    return "\n".join(lines) + "\n"


def _as_text(block: Block, indent: str) -> Iterator[str]:
    match block:
        case Section():
            verdict = f"{LOOKS[block.verdict.tone].glyph} {block.verdict.word}: " if block.verdict else ""
            yield from ([] if block.is_part else [""])
            yield from _folded(f"{verdict}{block.heading}", indent, indent + "  ")
            for each in block.blocks:
                yield from _as_text(each, indent + "  ")
        case Facts():
            wide = max((len(one_line(name)) for name, text in block.pairs if text.strip()), default=0)
            for name, text in block.pairs:
                if text.strip():
                    yield from _folded(text, f"{indent}{one_line(name):<{wide}}  ", " " * (len(indent) + wide + 2))
        case Words():
            yield from _folded(block.text, indent, indent)
        case Points():
            for point in block.points:
                yield from _folded(point, indent + "- ", indent + "  ")
        case Rows():
            yield from _columns(block, indent)
        case Verbatim():
            yield f"{indent}{one_line(block.label)}:"
            yield from (f"{indent}  {line}" for line in printable(block.text).splitlines())
        case Moments():
            return


def _columns(block: Rows, indent: str) -> Iterator[str]:
    """The last column is folded where it has no room."""
    table = [tuple(map(one_line, row)) for row in (block.heads, *block.rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(block.heads) - 1)]
    for *row, last in table:
        first = indent + "".join(f"{cell:<{wide}}  " for cell, wide in zip(row, widths, strict=True))
        yield from _folded(last, first, " " * min(len(first), _WIDTH // 2))


def _folded(text: str, first: str = "", rest: str = "") -> list[str]:
    lines: Sequence[str] = textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return list(lines) or [first.rstrip()]


DOCUMENT_FORMATS: dict[str, Callable[[Document], str]] = {"text": _text, "markdown": _markdown, "html": _html}
