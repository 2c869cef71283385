"""How often the cause of a trouble is named first, or among the first three, from metrics and who calls whom alone.

Ours and peers see the same data with one configuration each. Usage:
``python bench/causes.py [--data FOLDER] [--injected 4] [--json FILE] [--markdown FILE]``
"""

import argparse
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median

from causes_injected import healthy, injected
from causes_peers import PEERS
from petshop import Case, cases

from paramedic.diagnosis.excess import Excess
from paramedic.diagnosis.series import WEIGHTS, rank_by_series

HERE = Path(__file__).parent
DEFAULT = HERE.parents[1] / "shared" / "data" / "petshop"
TARGETS = {"AC@1": 0.75, "AC@3": 0.95}
EQUAL = dict.fromkeys(WEIGHTS, 1.0)
CHOICES: Mapping[str, Mapping[str, float]] = {
    "as shipped": WEIGHTS,
    "all equal": EQUAL,
    "own excess alone": {**dict.fromkeys(WEIGHTS, 0.0), "own-excess": 1.0},
    **{f"without {kind}": {**WEIGHTS, kind: 0.0} for kind in WEIGHTS},
}
"""Among these the held-out estimate chooses, on what is not held out."""
Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one method said of one case."""

    case: Case
    place: int | None
    """Of the cause, from 1; ``None`` where it was not among the suspects."""
    said: str
    """Whom it named first."""
    abstained: bool
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    method: str
    part: str
    """Which of the cases."""
    cases: int
    ac_1: float
    ac_1_low: float
    ac_1_high: float
    ac_3: float
    ac_3_low: float
    ac_3_high: float
    ac_5: float
    avg_5: float
    abstained: float
    ac_1_of_answers: float | None
    ms: float


def ours(case: Case, weights: Mapping[str, float] = WEIGHTS) -> tuple[list[str], bool]:
    ranking = rank_by_series(case.scene, weights)
    return [each.component for each in ranking.suspects], ranking.abstains is not None


def peer(name: str, *, among_suspects: bool) -> Callable[[Case], tuple[list[str], bool]]:
    """A peer over every name in the data, as it was described, or over the suspects that we consider, too."""

    def rank(case: Case) -> tuple[list[str], bool]:
        scores = PEERS[name](case.scene, case.before)
        names = Excess(case.scene).suspects if among_suspects else scores
        return sorted(names, key=lambda each: (-scores.get(each, 0.0), each)), False

    return rank


def outcomes(rank: Callable[[Case], tuple[list[str], bool]], over: Iterable[Case]) -> list[Outcome]:
    done = []
    for case in over:
        began = time.perf_counter()
        names, abstained = rank(case)
        took_s = time.perf_counter() - began
        place = next((at for at, name in enumerate(names, 1) if name in case.causes), None)
        done.append(
            Outcome(case=case, place=place, said=names[0] if names else "-", abstained=abstained, took_s=took_s)
        )
    return done


def summed(method: str, part: str, over: Sequence[Outcome]) -> Row:
    """The ranking counts even where the method would abstain; what abstaining does stands beside it."""

    def ac(k: int) -> float:
        return fmean(each.place is not None and each.place <= k for each in over)

    answers = [each for each in over if not each.abstained]
    low_1, high_1 = wilson(ac(1), len(over))
    low_3, high_3 = wilson(ac(3), len(over))
    return Row(
        method=method,
        part=part,
        cases=len(over),
        ac_1=ac(1),
        ac_1_low=low_1,
        ac_1_high=high_1,
        ac_3=ac(3),
        ac_3_low=low_3,
        ac_3_high=high_3,
        ac_5=ac(5),
        avg_5=fmean(ac(k) for k in range(1, 6)),
        abstained=1 - len(answers) / len(over),
        ac_1_of_answers=fmean(each.place == 1 for each in answers) if answers else None,
        ms=median(each.took_s for each in over) * 1000,
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """The interval in which the true share lies with 95 % confidence."""
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * (share * (1 - share) / count + Z**2 / (4 * count**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def parts(over: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """All, by scenario, by kind, and by both."""
    found: dict[str, list[Outcome]] = {"all": list(over)}
    keys: tuple[Callable[[Case], str], ...] = (
        lambda case: case.scenario,
        lambda case: case.kind,
        lambda case: f"{case.scenario}, {case.kind}",
    )
    for key in keys:
        for each in over:
            found.setdefault(key(each.case), []).append(each)
    return found


def held_out(over: Sequence[Case], group: Callable[[Case], object]) -> list[Outcome]:
    """Each group judged by the weights that did best on the others, so that no case has chosen its own judge."""
    by_choice = {name: outcomes(partial(ours, weights=weights), over) for name, weights in CHOICES.items()}
    left: list[Outcome] = []
    for each in dict.fromkeys(map(group, over)):
        mine = [at for at, case in enumerate(over) if group(case) == each]
        others = [at for at, case in enumerate(over) if group(case) != each]

        def merit(name: str, others: Sequence[int] = others) -> float:
            return sum(1 / (by_choice[name][at].place or 100) for at in others)

        best = max(CHOICES, key=merit)
        left.extend(by_choice[best][at] for at in mine)
    return left


def measured(data: Path, times: int) -> tuple[list[Row], dict[str, object]]:
    real = list(cases(data))
    if not real:
        raise SystemExit(f"no `target.json` below `{data}`; hint: the folder holds scenarios as PetShop lays them out")
    mine = outcomes(ours, real)
    rows = [summed("paramedic", part, each) for part, each in parts(mine).items()]
    for title, group in GROUPS.items():
        if len({group(case) for case in real}) > 1:
            rows.append(summed("paramedic", f"held out by {title}", held_out(real, group)))
    for name in PEERS:
        for among, title in ((True, "same suspects"), (False, "every name")):
            rank = peer(name, among_suspects=among)
            rows.extend(
                summed(f"{name}, {title}", part, each)
                for part, each in parts(outcomes(rank, real)).items()
                if part == "all" or part in {case.kind for case in real}
            )
    made = list(injected(real, times)) if times else []
    beside: dict[str, object] = {
        "causes": Counter(name for case in real for name in case.causes),
        "missed": [f"{each.case.scenario}/{each.case.name}: {each.said}" for each in mine if each.place != 1],
        "abstained": [f"{each.case.scenario}/{each.case.name}" for each in mine if each.abstained],
    }
    if made:
        rows.append(summed("paramedic", "injected", simulated := outcomes(ours, made)))
        rows.extend(
            summed(f"{name}, same suspects", "injected", outcomes(peer(name, among_suspects=True), made))
            for name in PEERS
        )
        quiet = [rank_by_series(each).abstains is not None for each in healthy(real, 50)]
        beside["abstained_when_healthy"] = fmean(quiet)
        beside["injected_by_cause"] = {
            name: fmean(each.place == 1 for each in simulated if name in each.case.causes)
            for name in sorted({name for case in made for name in case.causes})
        }
    return rows, beside


GROUPS: Mapping[str, Callable[[Case], object]] = {
    "scenario": lambda case: case.scenario,
    "kind": lambda case: case.kind,
    "cause": lambda case: case.causes,
}


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| method | cases of | n | AC@1 | AC@3 | AC@5 | Avg@5 | abstains | AC@1 of answers | ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.method} | {row.part} | {row.cases} "
        f"| {row.ac_1:.2f} ({row.ac_1_low:.2f}-{row.ac_1_high:.2f}) "
        f"| {row.ac_3:.2f} ({row.ac_3_low:.2f}-{row.ac_3_high:.2f}) | {row.ac_5:.2f} | {row.avg_5:.2f} "
        f"| {row.abstained:.0%} | {'-' if row.ac_1_of_answers is None else f'{row.ac_1_of_answers:.2f}'} "
        f"| {row.ms:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def report(data: Path, rows: Sequence[Row], beside: Mapping[str, object]) -> tuple[str, bool]:
    """The table with what must be known to read it, and whether every target was reached."""
    whole = rows[0]
    reached = {"AC@1": whole.ac_1, "AC@3": whole.ac_3}
    causes = beside["causes"]
    assert isinstance(causes, Counter)
    about = f"{whole.cases} cases with {len(causes)} different cause{'' if len(causes) == 1 else 's'}"
    lines = [
        "# Causes from metrics",
        "",
        f"{machine()}. Data: `{data.name}`, {about}. One configuration for all. In brackets 95 % Wilson intervals.",
        "A ranking counts even where the method abstains; what it would say for sure stands under *AC@1 of answers*.",
        "*Held out*: the weights were chosen on the other groups; rules and thresholds were not: no test score.",
        "*Injected*: faults calculated into healthy intervals, in each component in turn, by a model of ours;",
        "variants of the method were compared with them: no test score, either.",
        "",
        table(rows),
        "",
    ]
    if len(causes) == 1:
        lines += ["All cases have the same cause: these numbers do not show how it is with others.", ""]
    for title, key in (("Not first", "missed"), ("Abstained", "abstained")):
        said = beside[key]
        assert isinstance(said, list)
        lines += [f"{title}: {'; '.join(said) or 'none'}.", ""]
    if "abstained_when_healthy" in beside:
        lines += [f"Healthy intervals in which it rightly abstained: {beside['abstained_when_healthy']:.0%}.", ""]
        by_cause = beside["injected_by_cause"]
        assert isinstance(by_cause, dict)
        hardest = sorted(by_cause.items(), key=lambda each: each[1])[:5]
        lines += ["Hardest injected causes, AC@1: " + ", ".join(f"`{n}` {v:.2f}" for n, v in hardest) + ".", ""]
    missed = [name for name, least in TARGETS.items() if reached[name] < least]
    lines += [
        f"- {name}: {reached[name]:.2f}, target {least:.2f}: {'MISSED' if name in missed else 'reached'}"
        for name, least in TARGETS.items()
    ]
    return "\n".join(lines) + "\n", not missed


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=f"a folder of scenarios ({DEFAULT} if it is there)")
    parser.add_argument("--injected", type=int, default=4, metavar="TIMES", help="cases of each component, 0 for none")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    data = (options.data or DEFAULT).resolve()
    if not data.is_dir():
        print(f"no data at `{data}`: nothing was measured\nhint: `make bench-causes DATA=FOLDER`")
        raise SystemExit(1 if options.data else 0)
    rows, beside = measured(data, options.injected)
    text, _ = report(data, rows, beside)
    print(text)
    for path, content in (
        (options.markdown, text),
        (options.json, json.dumps({"machine": machine(), "rows": [asdict(each) for each in rows], **beside}, indent=2)),
    ):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


if __name__ == "__main__":
    main()
