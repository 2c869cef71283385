"""What became of the mutants: kept in a file between runs, so that a run can be done in parts.

A killed mutant stays killed while its module and the test that noticed are the same; what survived is tried again as
soon as any test or module is another. The test that noticed a change is asked first, even when the module was edited.
"""

import ast
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from excluded import EXCLUDED
from sites import TESTS, Mutant, modules, path_of
from watching import Passed


def _digest(*files: Path) -> str:
    return hashlib.sha1(b"\0".join(each.read_bytes() for each in files)).hexdigest()


class Remembered:
    """Verdicts by mutant."""

    def __init__(self, path: Path | None, *, anew: bool) -> None:
        self._path = path
        found = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self._rows: dict[str, dict[str, Any]] = {} if anew else found.get("mutants", {})
        self.hints: dict[str, str] = {
            each["hint"]: each["by"] for each in found.get("mutants", {}).values() if each["by"]
        }
        self._watched: dict[str, Any] = found.get("watched", {})
        self._digests: dict[str, str] = {}
        self._texts: dict[str, dict[str, str]] = {}
        self._all = _digest(*map(path_of, modules()), *sorted(TESTS.glob("*.py")))

    def save(self) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps({"mutants": self._rows, "watched": self._watched}))
            beside.replace(self._path)

    # -------------------------------------------------------------- what the tests do

    @property
    def watched(self) -> dict[str, Passed] | None:
        """What each test passes, if nothing has changed since."""
        if self._watched.get("of") != self._all:
            return None
        return {name: Passed(**each) for name, each in self._watched["tests"].items()}

    def watch(self, tests: dict[str, Passed]) -> None:
        self._watched = {"of": self._all, "tests": {name: asdict(each) for name, each in tests.items()}}

    # -------------------------------------------------------------- verdicts

    def _of(self, module: str) -> str:
        if module not in self._digests:
            self._digests[module] = _digest(path_of(module))
        return self._digests[module]

    def _test(self, test: str) -> str:
        """Changes with the text of a test, wherever in its file it stands."""
        file, name = file_of(test), test.rpartition("::")[2].partition("[")[0]
        if file not in self._texts:
            path = TESTS / file
            text = path.read_text() if path.exists() else ""
            self._texts[file] = {
                each.name: "".join(ast.get_source_segment(text, part) or "" for part in (*each.decorator_list, each))
                for each in ast.parse(text).body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            } | {"": text}
        mine = self._texts[file].get(name, self._texts[file][""])
        return hashlib.sha1(mine.encode()).hexdigest()

    def note(self, mutant: Mutant, verdict: str) -> None:
        """``survived``, ``no python``, or who or what killed it."""
        by = verdict if "::" in verdict else None
        self._rows[f"{mutant.module} {mutant.number}"] = {
            "hint": mutant.hint,
            "verdict": "killed" if by else verdict,
            "by": by,
            "module": self._of(mutant.module),
            "test": self._test(by) if by else self._all,
        }

    def verdict(self, mutant: Mutant) -> str | None:
        """What is known and still true."""
        row = self._rows.get(f"{mutant.module} {mutant.number}")
        if row is None or row["module"] != self._of(mutant.module):
            return None
        holds = self._test(row["by"]) if row["by"] else self._all
        return str(row["verdict"]) if row["test"] == holds or row["verdict"] == "no python" else None


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0].rpartition("/")[2]


def table(remembered: Remembered, wanted: dict[str, list[Mutant]]) -> tuple[str, bool]:
    """Per module what was killed, as Markdown, and whether the targets are met."""
    lines = ["| module | mutants | tried | killed | excluded | |", "|---|---|---|---|---|---|"]
    sums = [0, 0, 0, 0]
    left = 0
    for module, mutants in wanted.items():
        counted = [each for each in mutants if each.key not in EXCLUDED]
        verdicts = [remembered.verdict(each) for each in counted]
        left += verdicts.count(None)
        none = verdicts.count("no python")
        tried = len(counted) - none - verdicts.count(None)
        row = [len(counted) - none, tried, tried - verdicts.count("survived"), len(mutants) - len(counted)]
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        lines.append(f"| {module} | {row[0]:,} | {row[1]:,} | {row[2]:,} | {row[3]} | {row[2] / max(1, row[1]):.1%} |")
    share = sums[2] / max(1, sums[1])
    lines.append(f"| **all** | {sums[0]:,} | {sums[1]:,} | {sums[2]:,} | {sums[3]} | **{share:.1%}** |")
    if left:
        lines.append(f"\n{left} are not tried yet")
    fits = {each.key for mine in wanted.values() for each in mine}
    unused = [] if len(wanted) < len(modules()) else sorted(set(EXCLUDED) - fits)
    lines += [f"\nan exclusion that fits nothing: {each}" for each in unused]
    met = share >= 0.95 and sums[3] <= 0.01 * (sums[0] + sums[3]) and not unused and not left
    return "\n".join(lines), met
