"""What statements cost a database lately, and whether that is too much."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from paramedic.model.code import Code
from paramedic.model.finding import Evidence, Finding
from paramedic.sdk.context import Context

_SLOW_MS = 500.0
_RUNNING_S = 5.0
_CALLS = 3
_TOP = 10
_GRAVE = 4
"""Times the limit from which slow is no warning any more."""
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What one statement has cost."""

    calls: int
    total_ms: float
    text: str

    @property
    def mean_ms(self) -> float:
        """Of one call."""
        return self.total_ms / max(1, self.calls)


@dataclass(frozen=True, slots=True)
class Running:
    """A statement that is not done."""

    user: str | None
    since_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """A table, or a statement, for which rows are read from end to end."""

    name: str
    how_often: str
    """Numbers for people."""


Totals = Mapping[Hashable, Spent]
"""Statements since the counters began, by what the server knows them by."""


def slow(
    total: Totals | None,
    running: Sequence[Running],
    scanned: Sequence[Scanned],
    context: Context,
    code: Code,
    *,
    counters: str,
    hint: str,
) -> Finding:
    """The verdict on a database's statements.

    Args:
        total: what each has cost; ``None`` where the server does not count.
        running: what runs now, the longest first.
        scanned: what is read from end to end, the worst first.
        context: of this look.
        code: the code for slow statements.
        counters: where the server counts, for people.
        hint: how to look at one.
    """
    spent = _lately(context, total or {})
    slow_ms, running_s = context.threshold("slow_query_ms", _SLOW_MS), context.threshold("running_query_s", _RUNNING_S)
    often = [each for each in spent if each.calls >= _CALLS and each.mean_ms > slow_ms]
    long = [each for each in running if each.since_s > running_s]
    if not often and not long:
        shown = "" if total is not None else f"; {counters} is not there, so only running ones are seen"
        return context.ok(f"no slow statement{shown}")
    is_grave = any(each.mean_ms > _GRAVE * slow_ms for each in often)
    is_grave = is_grave or any(each.since_s > _GRAVE * running_s for each in long)
    worst = (
        f"a statement takes {often[0].mean_ms:.0f} ms on average"
        if often
        else f"one has run for {long[0].since_s:.0f} s"
    )
    evidence = (
        Evidence(
            label="statements by total time",
            text="\n".join(
                f"{each.total_ms:.0f} ms in {each.calls} calls, {each.mean_ms:.1f} ms each: {_flat(each.text)}"
                for each in spent[:_TOP]
            ),
        ),
        Evidence(
            label="running",
            text="\n".join(f"{each.since_s:.0f} s, `{each.user}`: {_flat(each.text)}" for each in long[:_TOP]),
        ),
        Evidence(
            label="read from end to end", text="\n".join(f"{_flat(each.name)}: {each.how_often}" for each in scanned)
        ),
    )
    return (context.critical if is_grave else context.warning)(
        code,
        observed=f"{len(often) + len(long)} slow statements; {worst}",
        expected=f"at most {slow_ms:g} ms a call and {running_s:g} s in all",
        because=f"`{_flat(scanned[0].name)}` is read from end to end" if scanned else "",
        hint=hint,
        evidence=tuple(each for each in evidence if each.text),
    )


def _lately(context: Context, total: Totals) -> list[Spent]:
    """What was spent in the last minute, the costliest first; at a lone look, since the counters began."""
    now = context.clock.monotonic()
    kept = context.memory.setdefault("totals", [])
    assert isinstance(kept, list)
    kept.append((now, total))
    while len(kept) > 2 and now - kept[1][0] >= _WINDOW_S:
        kept.pop(0)
    earlier: Totals = kept[0][1] if context.looks_again else {}
    spent = []
    for key, each in total.items():
        old = earlier.get(key)
        if old and old.calls <= each.calls:  # less: the counters were reset
            spent.append(Spent(each.calls - old.calls, each.total_ms - old.total_ms, each.text))
        else:
            spent.append(each)
    return sorted((each for each in spent if each.calls), key=lambda each: -each.total_ms)


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())
