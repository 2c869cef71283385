"""The picture of what happened when: a lane for each kind of thing, time from left to right, as SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from paramedic.report.document import Moment, Moments
from paramedic.report.words import count, duration, one_line

LIMIT = 80
"""So many moments can be told apart in one picture; of more, the first and the last are drawn."""
_LEFT, _RIGHT, _TOP, _LANE = 84, 36, 14, 44
_STEP, _PER_DECADE = 30.0, 26.0
"""Pixels between two moments, and more for each tenfold of the time between them."""
_TOGETHER = timedelta(milliseconds=50)
"""Closer moments of one lane are one mark."""
_LABEL = 74
"""Pixels that a label needs."""
_BAR = 16


@dataclass(slots=True)
class _Mark:
    """Moments of one lane that happened together."""

    numbers: list[int]
    moments: list[Moment]
    x: float


def chronicle(block: Moments) -> str:
    """The SVG, or nothing where nothing happened."""
    known = [(number, each) for number, each in enumerate(block.moments, 1) if each.lane in block.lanes]
    if not known:
        return ""
    drawn = known if len(known) <= LIMIT else [*known[: LIMIT // 2], *known[-LIMIT // 2 :]]
    return "\n".join(_svg(block, drawn, len(known) - len(drawn)))


def _svg(block: Moments, drawn: Sequence[tuple[int, Moment]], hidden: int) -> Iterator[str]:
    marks = _marked(drawn)
    places = {each.at: mark.x for mark in marks for each in mark.moments}
    wide = round(max(mark.x for mark in marks) + _RIGHT)
    bottom = _TOP + len(block.lanes) * _LANE
    high = bottom + 26
    label = f"{count(len(block.moments), 'event')} in {len(block.lanes)} lanes, from left to right"
    yield (
        f'<svg class="chronicle" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'style="min-width:{round(wide * 0.6)}px" role="img" aria-label="{label}">'
    )
    for index, lane in enumerate(block.lanes):
        y = _TOP + index * _LANE + _LANE / 2
        yield f'<text class="lane" x="4" y="{y + 4:g}">{escape(lane)}</text>'
        yield f'<path class="line" d="M{_LEFT - 12} {y:g}H{wide - 8}"/>'
    yield from _times(marks, bottom)
    for mark in marks:
        y = _TOP + block.lanes.index(mark.moments[0].lane) * _LANE + _LANE / 2
        yield from (_bar(each, mark.x, y, places) for each in mark.moments if each.until)
    for mark in marks:
        y = _TOP + block.lanes.index(mark.moments[0].lane) * _LANE + _LANE / 2
        yield _pill(mark, y, block.anchor)
    yield "</svg>"
    more = f"; {count(hidden, 'event')} between not drawn" if hidden else ""
    yield f'<p class="quiet">the numbers are those of the timeline below; long pauses are drawn shorter{more}</p>'


def _marked(drawn: Sequence[tuple[int, Moment]]) -> list[_Mark]:
    marks: list[_Mark] = []
    here: dict[str, _Mark] = {}
    x, before = float(_LEFT), drawn[0][1].at
    for number, moment in drawn:
        gap = max(timedelta(), moment.at - before)
        if gap > _TOGETHER:
            here, before = {}, moment.at
        near = here.get(moment.lane)
        if near and near.numbers[-1] == number - 1:
            near.numbers.append(number)
            near.moments.append(moment)
            continue
        if marks and (near or not here):
            here = {}
            x += _STEP + _PER_DECADE * math.log10(1 + 10 * gap.total_seconds())
        mark = here[moment.lane] = _Mark([number], [moment], x)
        marks.append(mark)
    return marks


def _times(marks: Sequence[_Mark], bottom: float) -> Iterator[str]:
    """When, counted from the first moment; the last one is always told."""
    begin, shown = marks[0].moments[0].at, -math.inf
    end = max(marks, key=lambda mark: mark.x)
    for mark in marks:
        is_free = mark.x - shown >= _LABEL and (mark is end or end.x - mark.x >= _LABEL)
        if not is_free and mark is not end:
            continue
        shown = mark.x
        yield f'<path class="tick" d="M{mark.x:g} {_TOP}V{bottom:g}"/>'
        yield f'<text class="kind time" x="{mark.x:g}" y="{bottom + 16:g}">{after(mark.moments[0].at, begin)}</text>'


def _bar(moment: Moment, x: float, y: float, places: dict[datetime, float]) -> str:
    """From the beginning to where its end is drawn."""
    assert moment.until is not None
    end = max((place for at, place in places.items() if at <= moment.until), default=x)
    return (
        f'<rect class="bar {moment.tone.value}" x="{x:g}" y="{y - _BAR / 2:g}" width="{max(end - x, 1):g}" '
        f'height="{_BAR}" rx="4"/>'
    )


def _pill(mark: _Mark, y: float, anchor: str) -> str:
    first, last = mark.numbers[0], mark.numbers[-1]
    text = f"{first}" if first == last else f"{first}-{last}"
    worst = max(mark.moments, key=lambda each: each.tone.rank)
    wide = 18 + 7 * (len(text) - 1)
    told = "; ".join(
        f"{number}. {one_line(each.text)}" for number, each in zip(mark.numbers, mark.moments, strict=True)
    )
    return (
        f'<a href="#{anchor}{first}"><g class="box {worst.tone.value}"><title>{escape(told)}</title>'
        f'<rect class="paper" x="{mark.x - wide / 2:g}" y="{y - 11:g}" width="{wide}" height="22" rx="11"/>'
        f'<rect class="mark" x="{mark.x - wide / 2:g}" y="{y - 11:g}" width="{wide}" height="22" rx="11"/>'
        f'<text class="glyph" x="{mark.x:g}" y="{y + 4:g}">{text}</text></g></a>'
    )


def after(at: datetime, begin: datetime) -> str:
    """``+1.2 s``."""
    return f"+{duration((at - begin).total_seconds() * 1000)}"
