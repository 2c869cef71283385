"""Where the boxes of a graph stand: in layers, what needs left of what it needs, with few crossings.

After K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981):
layers by longest path, waypoints where a line crosses layers, order within a layer by the mean of the neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

_SWEEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in the grid: layers go right, rows go down; a row may be half a step."""

    layer: int
    row: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawn graph, without sizes."""

    spots: Mapping[str, Spot]
    lines: Sequence[tuple[str, str, tuple[Spot, ...]]]
    """From, to, and the waypoints between."""
    layers: int
    rows: float


def laid_out(needs: Mapping[str, Sequence[str]]) -> Layout:
    """The layout of a graph that maps each name to what it needs. Loops and unknown names are left out."""
    edges = _edges(needs)
    depth = _depths(needs, edges)
    ways = {(a, b): _way(a, b, depth) for a, b in edges}
    segments: list[list[tuple[str, str]]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for a, b in (pair for way in ways.values() for pair in pairwise(way)):
        segments[depth[a]].append((a, b))
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in [*needs, *(each for way in ways.values() for each in way[1:-1])]:
        layers[depth[name]].append(name)
    rows = _rows(layers, segments)
    spots = {name: Spot(layer=depth[name], row=rows[name]) for name in rows}
    return Layout(
        spots={name: spots[name] for name in needs},
        lines=[(a, b, tuple(spots[each] for each in way[1:-1])) for (a, b), way in ways.items()],
        layers=len(layers),
        rows=max(rows.values(), default=-1) + 1,
    )


def _edges(needs: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Every need once, those left out that would close a loop."""
    reach: dict[str, set[str]] = {name: set() for name in needs}
    found: list[tuple[str, str]] = []
    for name, wanted in needs.items():
        for other in dict.fromkeys(wanted):
            if other not in needs or other == name or name in reach[other]:
                continue
            found.append((name, other))
            gained = {other, *reach[other]}
            for each, known in reach.items():
                if each == name or name in known:
                    known.update(gained)
    return found


def _depths(needs: Mapping[str, Sequence[str]], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The longest way on which a name is needed: 0 for what nobody needs."""
    callers: dict[str, list[str]] = {name: [] for name in needs}
    for caller, needed in edges:
        callers[needed].append(caller)
    depth: dict[str, int] = {}
    waiting = list(needs)
    while waiting:
        name = waiting.pop()
        missing = [each for each in callers[name] if each not in depth]
        if missing:
            waiting += [name, *missing]
        else:
            depth[name] = max((depth[each] + 1 for each in callers[name]), default=0)
    return depth


def _way(caller: str, needed: str, depth: dict[str, int]) -> list[str]:
    """Both ends, with a waypoint in every layer between them."""
    between = range(depth[caller] + 1, depth[needed])
    names = [f"\0{caller}\0{needed}\0{layer}" for layer in between]
    depth.update(zip(names, between, strict=True))
    return [caller, *names, needed]


def _rows(layers: list[list[str]], segments: Sequence[Sequence[tuple[str, str]]]) -> dict[str, float]:
    """A row for each name; every layer stands in the middle."""
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for a, b in (pair for gap in segments for pair in gap):
        right.setdefault(a, []).append(b)
        left.setdefault(b, []).append(a)
    best = _placed(layers)
    for sweep in range(_SWEEPS):
        neighbours = left if sweep % 2 == 0 else right
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            rows = _placed(layers)
            means = {
                name: sum(near) / len(near)
                for name in layer
                for near in [[rows[each] for each in neighbours.get(name, (name,))]]
            }
            layer.sort(key=means.__getitem__)
        best = min(best, _placed(layers), key=lambda rows: _untidiness(rows, segments))
    return best


def _placed(layers: Sequence[Sequence[str]]) -> dict[str, float]:
    tallest = max(map(len, layers), default=0)
    return {name: index + (tallest - len(layer)) / 2 for layer in layers for index, name in enumerate(layer)}


def _untidiness(rows: Mapping[str, float], segments: Sequence[Sequence[tuple[str, str]]]) -> tuple[int, float]:
    """How many lines cross; among equals, how far they climb."""
    crossings = sum(
        (rows[a] - rows[c]) * (rows[b] - rows[d]) < 0 for gap in segments for (a, b), (c, d) in combinations(gap, 2)
    )
    return crossings, sum(abs(rows[a] - rows[b]) for gap in segments for a, b in gap)
