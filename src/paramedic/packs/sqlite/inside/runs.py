"""Sets of rowids as runs of neighbours: millions of rows in a few pairs."""

from collections.abc import Iterable

Runs = list[tuple[int, int]]
"""First and last of each run, ascending, with a gap between any two."""


def of(pairs: Iterable[tuple[int, int]]) -> Runs:
    """Any pairs, in any order, as runs."""
    found: Runs = []
    for first, last in sorted(pairs):
        if first > last:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def minus(runs: Runs, others: Runs) -> Runs:
    """What is in the first and not in the second."""
    found: Runs = []
    at = 0
    for begin, last in runs:
        first = begin
        while at < len(others) and others[at][1] < first:
            at += 1
        index = at
        while index < len(others) and others[index][0] <= last:
            if others[index][0] > first:
                found.append((first, others[index][0] - 1))
            first = max(first, others[index][1] + 1)
            index += 1
        if first <= last:
            found.append((first, last))
    return found


def both(runs: Runs, others: Runs) -> Runs:
    """What is in both."""
    return minus(runs, minus(runs, others))


def count(runs: Runs) -> int:
    """How many rowids."""
    return sum(last - first + 1 for first, last in runs)


def told(runs: Runs, most: int = 200) -> str:
    """``12-19, 40``, and how many more where there are many."""
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs[:most])
    return text + (f" and {count(runs[most:])} more" if len(runs) > most else "")
