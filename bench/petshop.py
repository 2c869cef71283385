"""Cases in the layout of PetShop: what was measured of each component in 5-minute intervals, and who calls whom.

A folder holds scenarios; a scenario holds ``graph.csv``, ``noissue/metrics.csv`` and, at any depth, folders with
``metrics.csv`` and ``target.json``. Names come from a tracer whose last word tells what a node is.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paramedic.diagnosis.excess import Course, Excess, Measure, Scene

COLUMNS = {
    Measure.LATENCY: ("latency", "Average"),
    Measure.REQUESTS: ("requests", "Sum"),
    Measure.FAILURES: ("availability", "Average"),
}
CALLS = {"client", "remote"}
"""Types of nodes that are who calls from outside, and calls whose other end was not traced."""

Table = Mapping[tuple[str, str, str], tuple[float | None, ...]]
Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One trouble and its known cause."""

    scenario: str
    name: str
    kind: str
    """The metric in which it was noticed."""
    causes: frozenset[str]
    scene: Scene
    before: tuple[int, ...]
    """The intervals that were over when it was noticed."""


def cases(data: Path) -> Iterator[Case]:
    """Every case below the folder, in the order of their paths."""
    for target in sorted(data.rglob("target.json")):
        home = next((each for each in target.parents if (each / "graph.csv").is_file()), None)
        if home is None:
            raise SystemExit(f"`{target}` has no `graph.csv` in a folder above it")
        told = json.loads(target.read_text())
        noticed, cause = told["target"], told["root_cause"]["node"]
        times, issue = table(target.parent / "metrics.csv")
        yield Case(
            scenario=home.name,
            name=str(target.parent.relative_to(home)),
            kind=noticed["metric"],
            causes=frozenset([cause] if isinstance(cause, str) else cause),
            scene=scene(home, issue, noticed["node"], noticed["metric"]),
            before=tuple(at for at, time in enumerate(times) if time + 240 <= noticed["timestamp"]),
        )


def scene(home: Path, issue: Table, symptom: str, metric: str) -> Scene:
    """By the metric in which it was noticed; by the clearer of latency and failures, if that is neither."""
    usual = table(home / "noissue" / "metrics.csv")[1]
    calls = graph(home / "graph.csv")
    known = [measure for measure, (name, _) in COLUMNS.items() if name == metric and measure is not Measure.REQUESTS]
    made = [as_scene(calls, usual, issue, symptom, each) for each in known or (Measure.LATENCY, Measure.FAILURES)]
    return max(made, key=lambda each: Excess(each).clearness(symptom))


def as_scene(calls: Graph, usual: Table, issue: Table, symptom: str, measure: Measure) -> Scene:
    length = max((len(each) for each in issue.values()), default=0)
    names = sorted({key[0] for key in (*issue, *usual)} | set(calls))
    return Scene(
        symptom=symptom,
        measure=measure,
        courses={
            name: {
                each: Course(
                    usual=worse_is_more(each, usual.get((name, *column), ())),
                    recent=worse_is_more(each, issue.get((name, *column), (None,) * length)),
                )
                for each, column in COLUMNS.items()
            }
            for name in names
        },
        calls=calls,
        edges=frozenset(name for name in names if name.rsplit("_", 1)[-1] in CALLS),
    )


def worse_is_more(measure: Measure, values: tuple[float | None, ...]) -> tuple[float | None, ...]:
    if measure is not Measure.FAILURES:
        return values
    return tuple(None if each is None else 1 - each / 100 for each in values)


@cache
def table(path: Path) -> tuple[tuple[float, ...], Table]:
    """The times of the intervals, and each column by component, metric and statistic."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    body = [row for row in rows[3:] if row and number(row[0]) is not None]
    columns = {
        (rows[0][at], rows[1][at], rows[2][at]): tuple(number(row[at]) if at < len(row) else None for row in body)
        for at in range(1, len(rows[0]))
    }
    return tuple(number(row[0]) or 0.0 for row in body), columns


@cache
def graph(path: Path) -> Graph:
    """Who calls whom: the row calls the column."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    names = rows[0][1:]
    return {row[0]: frozenset(n for n, cell in zip(names, row[1:], strict=False) if number(cell)) for row in rows[1:]}


def number(text: str) -> float | None:
    """``None`` for what is missing, whatever word stands for it."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
