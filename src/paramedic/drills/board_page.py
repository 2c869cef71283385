"""The board as a document and as data."""

from collections.abc import Iterator, Sequence

from paramedic.drills.board import GROUPS, Board, Entry, Score, paces
from paramedic.model.status import Status
from paramedic.model.wire import Json, dump
from paramedic.report.document import Block, Document, Points, Rows, Section, Verdict, Words
from paramedic.report.words import count, duration

_TONES = {"passed": Status.OK, "missed": Status.CRITICAL}


def document(board: Board) -> Document:
    """Scores, times, misses with their reasons, then everything by the system it comes from."""
    done = sum(each.is_carried_out for each in board.entries)
    absent = [each for each in board.entries if each.state == "absent on this machine"]
    lead = (
        f"{done} of {count(len(board.entries), 'drill')} carried out {count(board.times, 'time')}, the worst run counts"
    )
    if absent:
        lead += f"; {len(absent)} absent on this machine"
    return Document(
        title="Drill board",
        verdict=Verdict(
            tone=Status.OK if board.is_reached else Status.CRITICAL,
            word="targets reached" if board.is_reached else "below target",
        ),
        lead=lead,
        blocks=tuple(_blocks(board, absent)),
        made_by=f"Paramedic {board.version}" if board.version else "",
    )


def data(board: Board) -> dict[str, Json]:
    """The same for programs."""
    return {
        "schema_version": 1,
        "version": board.version,
        "reached": board.is_reached,
        "times": board.times,
        "scores": [
            {**dump(each), "percent": round(each.percent, 1), "reached": each.is_reached} for each in board.scores
        ],
        "targets": dump(board.targets),
        "paces": dump(paces(board)),
        "drills": [_entry_data(each) for each in board.entries],
        "not_covered": list(board.not_covered),
    }


def _entry_data(entry: Entry) -> dict[str, Json]:
    return {
        "id": entry.drill.id,
        "group": entry.drill.group,
        "ends": entry.drill.ends.value,
        "state": entry.state,
        "severity": entry.severity.value if entry.severity else None,
        "late": list(entry.late),
        "worst": dump(entry.worst),
        "runs": [{"run": each.number, **dump(each.outcome)} for each in entry.runs],
    }


def _blocks(board: Board, absent: Sequence[Entry]) -> Iterator[Block]:
    yield Section(heading="Promises", blocks=(_scores(board.scores),))
    if times := paces(board):
        rows = tuple(
            (
                each.severity.value,
                each.what,
                _s(each.median_s),
                _s(each.slowest_s),
                _s(each.target_s),
                f"{each.within} of {each.of}",
                each.slowest,
            )
            for each in times
        )
        heads = ("severity", "time to", "median", "slowest", "target", "within", "slowest drill")
        tones = tuple(None if each.within == each.of else Status.WARNING for each in times)
        yield Section(heading="Times against the targets", blocks=(Rows(heads=heads, rows=rows, tones=tones),))
    misses = [each for each in board.entries if each.state == "missed" or each.late]
    yield Section(heading="Misses", blocks=(_misses(misses) if misses else Words(text="none"),))
    for group, name in GROUPS.items():
        mine = [each for each in board.entries if (each.drill.group if each.drill.group in GROUPS else "") == group]
        if mine:
            passed = sum(each.state == "passed" for each in mine)
            heading = f"{name}: {passed} of {len(mine)} passed"
            yield Section(heading=heading[0].upper() + heading[1:], blocks=(_drills(mine),))
    if absent:
        told = tuple(f"{each.drill.id}: {each.worst.why}" for each in absent if each.worst)
        yield Section(heading="Absent on this machine, not counted", blocks=(Points(points=told),))
    if board.not_covered:
        yield Section(heading="Not covered by a drill", blocks=(Points(points=tuple(_lines(board.not_covered))),))


def _scores(scores: Sequence[Score]) -> Rows:
    asked = [each for each in scores if each.of]
    return Rows(
        heads=("promise", "kept", "share", "target", ""),
        rows=tuple(
            (
                each.promise,
                f"{each.kept} of {each.of}",
                f"{each.percent:.1f} %",
                f"{each.target_percent:g} %",
                "reached" if each.is_reached else "missed",
            )
            for each in asked
        ),
        tones=tuple(Status.OK if each.is_reached else Status.CRITICAL for each in asked),
    )


def _misses(entries: Sequence[Entry]) -> Rows:
    rows = []
    for each in entries:
        why = each.worst.why if each.worst and each.state == "missed" else ""
        rows.append((each.drill.id, each.drill.ends.value, "; ".join(filter(None, (why, *each.late)))))
    return Rows(heads=("drill", "ends", "reason"), rows=tuple(rows))


def _drills(entries: Sequence[Entry]) -> Rows:
    return Rows(
        heads=("drill", "", "ends", "severity", "named", "detect", "diagnose", "recover"),
        rows=tuple(_row(each) for each in entries),
        tones=tuple(_TONES.get(each.state, Status.UNKNOWN) for each in entries),
    )


def _row(entry: Entry) -> tuple[str, ...]:
    worst = entry.worst
    named = f"`{worst.code}` on {worst.component}" if worst and worst.code else ""
    took = (worst.detect_s, worst.diagnose_s, worst.recover_s) if worst else (None, None, None)
    severity = entry.severity.value if entry.severity else ""
    return (entry.drill.id, entry.state, entry.drill.ends.value, severity, named, *map(_s, took))


def _lines(names: Sequence[str]) -> Iterator[str]:
    """Codes by what they begin with, several in a line."""
    families: dict[str, list[str]] = {}
    for each in names:
        families.setdefault(each.partition(".")[0] if "." in each else "scenarios", []).append(each)
    for family, mine in families.items():
        yield f"{family}: {', '.join(f'`{each}`' for each in mine)}"


def _s(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds * 1000)
