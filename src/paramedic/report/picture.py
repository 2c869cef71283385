"""The picture of a service: its components and what they need, each with its verdict, as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape

from paramedic.model.report import Part
from paramedic.model.status import Status
from paramedic.report.layout import Layout, Spot, laid_out
from paramedic.report.words import LOOKS, count, one_line

LIMIT = 60
"""So many components can be told apart in one picture; of more, those in trouble and their neighbours are drawn."""
_WIDE, _HIGH = 160, 46
_GAP, _STEP = 52, 62
_EDGE = 6
_COLUMNS = 4
_LONGEST = 15
_NARROWEST = 0.72
"""Smaller than this share of its size the words cannot be read; the page scrolls instead."""


def picture(parts: Sequence[Part], verdicts: Mapping[str, Status], links: Mapping[str, str]) -> str:
    """The SVG, or nothing where there is nothing to draw. ``links`` leads from a component to its section."""
    drawn = _chosen(parts, verdicts)
    if not drawn:
        return ""
    return "\n".join(_svg(drawn, len(parts) - len(drawn), verdicts, links))


def _chosen(parts: Sequence[Part], verdicts: Mapping[str, Status]) -> list[Part]:
    if len(parts) <= LIMIT:
        return list(parts)
    sick = {each.name for each in parts if verdicts.get(each.name, Status.OK) not in (Status.OK, Status.INFO)}
    near = {each.name for each in parts if sick & set(each.depends_on)}
    near |= {name for each in parts if each.name in sick for name in each.depends_on}
    order = sorted(parts, key=lambda each: (each.name not in sick, each.name not in near))
    kept = {each.name for each in order[:LIMIT] if each.name in sick | near}
    return [each for each in parts if each.name in kept]


def _svg(drawn: Sequence[Part], hidden: int, verdicts: Mapping[str, Status], links: Mapping[str, str]) -> Iterator[str]:
    layout = _arranged(drawn)
    wide = layout.layers * _WIDE + (layout.layers - 1) * _GAP + 2 * _EDGE
    high = round(layout.rows * _STEP - (_STEP - _HIGH) + 2 * _EDGE)
    label = f"{count(len(drawn), 'component')} and what they need, from left to right"
    yield (
        f'<svg viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'style="min-width:{round(wide * _NARROWEST)}px" role="img" aria-label="{label}">'
    )
    yield (
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="hatching" d="M0 0V6"/></pattern></defs>'
    )
    yield from _lines(layout, verdicts)
    for each in drawn:
        yield _box(each, layout.spots[each.name], verdicts.get(each.name), links.get(each.name))
    yield "</svg>"
    if hidden:
        yield f'<p class="quiet">{count(hidden, "component")} without trouble nearby not drawn</p>'


def _arranged(drawn: Sequence[Part]) -> Layout:
    """What is linked in layers; what stands alone side by side below it."""
    names = {each.name for each in drawn}
    linked = {name for each in drawn for needed in names & set(each.depends_on) for name in (each.name, needed)}
    layout = laid_out({each.name: each.depends_on for each in drawn if each.name in linked})
    alone = [each.name for each in drawn if each.name not in linked]
    if not alone:
        return layout
    columns = max(layout.layers, min(_COLUMNS, len(alone)))
    below = {name: Spot(layer=index % columns, row=layout.rows + index // columns) for index, name in enumerate(alone)}
    rows = layout.rows + -(-len(alone) // columns)
    return replace(layout, spots={**layout.spots, **below}, layers=columns, rows=rows)


def _lines(layout: Layout, verdicts: Mapping[str, Status]) -> Iterator[str]:
    for name, needed, between in sorted(layout.lines, key=lambda line: _is_sick(verdicts.get(line[1]))):
        x, y = _corner(layout.spots[name])
        x, y = x + _WIDE, y + _HIGH / 2
        path = [f"M{x:g} {y:g}"]
        for spot in (*between, layout.spots[needed]):
            to_x, to_y = _corner(spot)
            to_y += _HIGH / 2
            middle = (x + to_x) / 2
            path.append(f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}")
            x, y = to_x, to_y
            if spot is not layout.spots[needed]:
                x += _WIDE
                path.append(f"H{x:g}")
        status = verdicts.get(needed)
        kind = f"line sick {status.value}" if status and _is_sick(status) else "line"
        yield f'<path class="{kind}" d="{"".join(path)}"/>'


def _box(part: Part, spot: Spot, status: Status | None, link: str | None) -> str:
    x, y = _corner(spot)
    name, kind = one_line(part.name), one_line(part.kind)
    word = LOOKS[status].word if status else "not looked at"
    glyph = LOOKS[status].glyph if status else "-"
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    below = f"{escape(kind[:12])} · {word if status else 'unseen'}"
    box = (
        f'<g class="box {status.value if status else "unseen"}">'
        f"<title>{escape(f'{name} ({kind}): {word}')}</title>"
        f'<rect class="paper" x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="8"/>'
        f'<rect class="mark" x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="8"/>'
        f'<text class="glyph" x="{x + 16:g}" y="{y + 28:g}">{glyph}</text>'
        f'<text class="name" x="{x + 30:g}" y="{y + 20:g}">{escape(shown)}</text>'
        f'<text class="kind" x="{x + 30:g}" y="{y + 36:g}">{below}</text></g>'
    )
    return f'<a href="#{link}">{box}</a>' if link else box


def _corner(spot: Spot) -> tuple[float, float]:
    return _EDGE + spot.layer * (_WIDE + _GAP), _EDGE + spot.row * _STEP


def _is_sick(status: Status | None) -> bool:
    return status is not None and status.is_failing
