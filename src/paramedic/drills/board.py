"""The board: how every drill went, of several runs the worst, against targets. Pure functions over values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.outcome import Outcome
from paramedic.drills.targets import Targets, times, too_late
from paramedic.model.status import Severity

GROUPS = {
    "fusion": "AI workflows with prompt overlays",
    "bot": "a chat bot with personas, voice and a model of its own",
    "memory": "an agent with vector memory and tools",
    "assistant": "an AI backend with databases, sockets and clients",
    "": "controls, red herrings and drills of packs",
}
"""The described systems that the scenarios come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drill carried out once."""

    number: int
    """Which run of the board, from 1."""
    outcome: Outcome
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One drill over all runs."""

    drill: Drill
    runs: tuple[Run, ...]
    worst: Outcome | None
    """``None`` where it was not carried out yet."""
    severity: Severity | None
    late: tuple[str, ...] = ()
    """Times beyond their targets."""

    @property
    def state(self) -> str:
        """``passed``, ``missed``, ``absent on this machine`` or ``not run``."""
        if self.worst is None:
            return "not run"
        return {True: "passed", False: "missed", None: "absent on this machine"}[self.worst.passed]

    @property
    def is_carried_out(self) -> bool:
        """Whether it says anything."""
        return self.worst is not None and self.worst.passed is not None

    @property
    def is_diagnosed(self) -> bool:
        """Whether code and component ranked first in every run."""
        done = [each.outcome for each in self.runs if each.outcome.passed is not None]
        return bool(done) and all(
            (each.code, each.component) == (self.drill.code, self.drill.component) for each in done
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How much of one kind of promise was kept."""

    promise: str
    kept: int
    of: int
    target_percent: float

    @property
    def percent(self) -> float:
        return 100.0 * self.kept / self.of if self.of else 0.0

    @property
    def is_reached(self) -> bool:
        """What nothing was asked of is not missed."""
        return self.of == 0 or self.percent >= self.target_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that is known of the drills."""

    entries: tuple[Entry, ...]
    scores: tuple[Score, ...]
    times: int
    """How many runs are wanted."""
    targets: Mapping[Severity, Targets]
    not_covered: tuple[str, ...] = ()
    """What has no drill."""
    version: str = field(default="")

    @property
    def is_reached(self) -> bool:
        """Every target, by what was carried out; and all runs that were wanted."""
        carried_out = [each for each in self.entries if each.is_carried_out]
        is_whole = all(len(each.runs) >= self.times for each in self.entries)
        return bool(carried_out) and is_whole and all(each.is_reached for each in self.scores)


def board(
    drills: Sequence[Drill],
    runs: Iterable[Run],
    targets: Mapping[Severity, Targets],
    *,
    times: int,
    target_percent: float,
    not_covered: Sequence[str] = (),
    version: str = "",
) -> Board:
    """The board of these drills."""
    mine: dict[str, list[Run]] = {each.id: [] for each in drills}
    for run in runs:
        if run.outcome.id in mine:
            mine[run.outcome.id].append(run)
    entries = tuple(_entry(each, mine[each.id], targets) for each in drills)
    return Board(
        entries=entries,
        scores=_scores(entries, target_percent),
        times=times,
        targets=targets,
        not_covered=tuple(not_covered),
        version=version,
    )


def _entry(drill: Drill, runs: Sequence[Run], targets: Mapping[Severity, Targets]) -> Entry:
    late = dict.fromkeys(why for each in runs for why in too_late(each.outcome, each.severity, targets))
    severities = [each.severity for each in runs if each.severity]
    return Entry(
        drill=drill,
        runs=tuple(runs),
        worst=worst_of([each.outcome for each in runs]),
        severity=min(severities, default=None),
        late=tuple(late),
    )


def worst_of(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The run that counts: one that failed, else the slowest of each time; absent only where it was never possible."""
    if missed := [each for each in outcomes if each.passed is False]:
        return missed[0] if len(outcomes) == 1 else replace(missed[0], why=_of_runs(missed, len(outcomes)))
    if passed := [each for each in outcomes if each.passed]:
        return replace(
            passed[0],
            detect_s=_slowest(passed, lambda each: each.detect_s),
            diagnose_s=_slowest(passed, lambda each: each.diagnose_s),
            recover_s=_slowest(passed, lambda each: each.recover_s),
        )
    return outcomes[0] if outcomes else None


def _of_runs(missed: Sequence[Outcome], runs: int) -> str:
    whys = "; ".join(dict.fromkeys(each.why for each in missed))
    return f"in {len(missed)} of {runs} runs: {whys}"


def _slowest(outcomes: Sequence[Outcome], what: Callable[[Outcome], float | None]) -> float | None:
    return max((took for each in outcomes if (took := what(each)) is not None), default=None)


def _scores(entries: Sequence[Entry], target_percent: float) -> tuple[Score, ...]:
    """The promises: most of what can go wrong is understood and healed; nothing is ever touched that must not be."""
    done = [each for each in entries if each.is_carried_out]

    def score(promise: str, of: Iterable[Entry], kept: Callable[[Entry], bool], percent: float) -> Score:
        asked = list(of)
        return Score(promise=promise, kept=sum(map(kept, asked)), of=len(asked), target_percent=percent)

    def is_passed(each: Entry) -> bool:
        return each.worst is not None and each.worst.passed is True

    def ending(*ends: Ends) -> list[Entry]:
        return [each for each in done if each.drill.ends in ends]

    return (
        score(
            "code and component ranked first",
            [e for e in done if e.drill.code],
            lambda e: e.is_diagnosed,
            target_percent,
        ),
        score("healed and verified", ending(Ends.HEAL, Ends.APPROVE), is_passed, target_percent),
        score("untouched and people called", ending(Ends.ESCALATE), is_passed, 100),
        score("remedy told, nothing planned", ending(Ends.ADVISE), is_passed, target_percent),
        score("controls silent", ending(Ends.CONTROL), is_passed, 100),
        score("red herrings told apart", [e for e in done if e.drill.herrings], is_passed, 100),
        score(
            "within the times of their severity", [e for e in done if e.severity], lambda e: not e.late, target_percent
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long one thing took for the incidents of one severity, worst runs."""

    severity: Severity
    what: str
    """``detect``, ``diagnose`` or ``resolve``."""
    median_s: float
    slowest_s: float
    slowest: str
    """The drill."""
    target_s: float
    within: int
    of: int


def paces(board: Board) -> tuple[Pace, ...]:
    """Times against the targets, by severity."""
    found = []
    for severity, targets in sorted(board.targets.items()):
        mine = [each for each in board.entries if each.severity is severity and each.worst and each.worst.passed]
        for what in ("detect", "diagnose", "resolve"):
            took = [(took_s, e.drill.id) for e in mine if e.worst and (took_s := times(e.worst).get(what)) is not None]
            if not took:
                continue
            target_s = getattr(targets, f"{what}_s")
            slowest_s, slowest = max(took)
            found.append(
                Pace(
                    severity=severity,
                    what=what,
                    median_s=median(each for each, _ in took),
                    slowest_s=slowest_s,
                    slowest=slowest,
                    target_s=target_s,
                    within=sum(each <= target_s for each, _ in took),
                    of=len(took),
                )
            )
    return tuple(found)


def not_covered(codes: Iterable[str], drills: Iterable[Drill]) -> tuple[str, ...]:
    """Codes that no drill causes."""
    caused: set[str] = set()
    for each in drills:
        caused |= {each.code or "", *each.herrings}
    return tuple(sorted(set(codes) - caused))
