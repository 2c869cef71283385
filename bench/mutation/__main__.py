"""Mutation testing of paramedic.guard: every small change of its code must be noticed by a test.

Why a tool of our own: mutmut leaves decorated functions, properties and module level alone and copies the tree, and
cosmic-ray starts one interpreter per mutant. Here the tests are collected once; each mutant is a fork in which the
changed functions get their changed code where they are, and only the tests run that pass the changed line, the quick
ones first, until one fails. What runs at import is changed by importing anew, in a fork, too. No file of the tree is
touched, so it may run beside other work.

A mutant is killed when a test fails or does not end in time. FILE remembers, so that a run can be done in parts, and
the next one is quick: see `remembered.py`. What is excluded stands in `excluded.py` with its reason.

    python bench/mutation [--only breaker] [--jobs 2] [--json FILE] [--for SECONDS] [--anew] [--list] [--markdown FILE]
"""

import argparse
import gc
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FunctionType

from excluded import EXCLUDED
from forks import AFRESH, NO_PYTHON, SURVIVED, Forks, limit
from mutating import NotInPlaceError, Where, afresh, for_programs, in_place, living_functions
from remembered import Remembered, file_of, table
from sessions import Items, collected, failing, first_failure, place_of_files
from sites import Mutant, modules, mutants, parsed
from watching import Passed, at_import, covering, passed_by, using

_IMPORT_S = 60.0
_SAVED_S = 15.0
_IN_PLACE = 0.8
"""So much of a limited time is for what can be changed in place; the rest is for what must be imported anew."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--for", dest="for_s", type=float, default=float("inf"), help="begin none after so long")
    parser.add_argument("--anew", action="store_true", help="try also what the file remembers")
    parser.add_argument("--list", action="store_true", help="only say what is known")
    options = parser.parse_args()
    begun = time.monotonic()
    late = lambda share: time.monotonic() - begun > options.for_s * share  # noqa: E731 - shorter
    remembered = Remembered(options.json and options.json.absolute(), anew=options.anew)
    wanted = {module: mutants(module) for module in options.only or modules()}
    open_ = [
        each for mine in wanted.values() for each in mine
        if each.key not in EXCLUDED and remembered.verdict(each) is None
    ]  # fmt: skip
    if open_ and not options.list:
        open_ = shuffled(open_)
        prepare()
        campaign = Campaign(Forks(options.jobs), remembered, late)
        campaign.run(open_)
    for mine in wanted.values():
        for each in mine:
            if each.key not in EXCLUDED and remembered.verdict(each) == SURVIVED:
                print(f"survived  {each.name:60}  {each.text[:100]}")
    text, met = table(remembered, wanted)
    print(text)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    if options.markdown:
        reasons = "\n".join(f"- `{line}`: {why}" for line, why in EXCLUDED.items())
        options.markdown.write_text(f"{text}\n\nExcluded:\n\n{reasons}\n")
    sys.exit(not met)


def shuffled(mutants: list[Mutant]) -> list[Mutant]:
    """At random within each module, the modules in turn: whatever ends a run, what it tried is a sample of each."""
    dice = random.Random(0)
    ranks: Counter[str] = Counter()
    order = []
    for each in sorted(mutants, key=lambda _: dice.random()):
        ranks[each.module] += 1
        order.append((ranks[each.module], each.module, each))
    return [each for _, _, each in sorted(order, key=lambda row: row[:2])]


def prepare() -> None:
    """What all forks need is imported once."""
    import opentelemetry.sdk.metrics  # noqa: F401
    import psutil  # noqa: F401
    import pytest_asyncio.plugin  # noqa: F401
    import pytest_timeout  # noqa: F401
    import redis  # noqa: F401
    import ruamel.yaml  # noqa: F401
    from hypothesis import Phase, settings

    settings.register_profile("mutation", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutation")


class Campaign:
    """Every mutant tried: in place where that is possible, else afresh."""

    def __init__(self, forks: Forks, remembered: Remembered, late: Callable[[float], bool]) -> None:
        self.forks, self.remembered, self.late = forks, remembered, late
        self.tests: dict[str, Passed] = {}
        self._afresh: list[Mutant] = []
        self._saved = time.monotonic()
        self._kills: Counter[tuple[str, str]] = Counter()
        """How many mutants of a module each test has killed: those that noticed much come first."""

    def run(self, wanted: list[Mutant]) -> None:
        """Try them all, or as many as there is time for."""
        for module in {each.module for each in wanted}:
            parsed(module)
        if not collected(partial(self._in_session, wanted)):
            sys.exit("the tests cannot be imported")
        gc.freeze()
        self._try(self._afresh, self._try_afresh, lambda: self.late(1.0))

    def _in_session(self, wanted: list[Mutant], items: Items) -> None:
        known = self.remembered.watched
        if known is None:
            self.forks.one(lambda _: self._watch(items))
            known = {
                name: Passed(**each) for name, each in json.loads((self.forks.folder / "watched").read_text()).items()
            }
            self.remembered.watch(known)
            self.remembered.save()
        self.tests = known
        imported = json.loads(self.forks.one(lambda _: json.dumps(at_import())))
        now = [each for each in wanted if set(imported[each.module]).isdisjoint(range(each.first, each.last + 1))]
        chosen = {id(each) for each in now}
        self._afresh = [each for each in wanted if id(each) not in chosen]
        living = living_functions()
        gc.freeze()
        in_place_ = lambda mutant, work: self._try_in_place(mutant, work, items, living)  # noqa: E731 - shorter
        self._try(now, in_place_, lambda: self.late(_IN_PLACE))

    def _watch(self, items: Items) -> str:
        place_of_files(next(iter(items.values())).config, Path.cwd())
        tests = passed_by(items.values(), lambda item: failing(item, None))
        (self.forks.folder / "watched").write_text(json.dumps({name: asdict(each) for name, each in tests.items()}))
        return "done"

    def _try(self, wanted: list[Mutant], how: Callable[[Mutant, Path], str], late: Callable[[], bool]) -> None:
        work = (partial(how, each) for each in wanted)
        for tried, (number, said) in enumerate(self.forks.each(work, late), 1):
            mutant = wanted[number]
            if said == AFRESH:
                self._afresh.append(mutant)
                continue
            self.remembered.note(mutant, said)
            self._kills[mutant.module, said] += 1
            if said == SURVIVED:
                print(f"survived  {mutant.name:60}  {mutant.text[:100]}", flush=True)
            if time.monotonic() - self._saved > _SAVED_S:
                self._saved = time.monotonic()
                self.remembered.save()
                print(f"{tried} of {len(wanted)}", file=sys.stderr, flush=True)
        self.remembered.save()

    def _hinted(self, mutant: Mutant, names: list[str]) -> list[str]:
        def rank(name: str) -> tuple[bool, bool, float]:
            test = self.tests[name]
            return name != hint, test.programs, test.took_s / (1 + self._kills[mutant.module, name])

        hint = self.remembered.hints.get(mutant.hint)
        return sorted({*names, hint} & self.tests.keys(), key=rank)

    def _try_in_place(self, mutant: Mutant, work: Path, items: Items, living: dict[Where, list[FunctionType]]) -> str:
        try:
            tree = in_place(mutant, living)
        except SyntaxError:
            return NO_PYTHON
        except NotInPlaceError:
            return AFRESH
        names = self._hinted(mutant, covering(self.tests, mutant.module, range(mutant.first, mutant.last + 1)))
        ready = partial(for_programs, mutant, tree, work)
        return first_failure(items, names, self.tests, work, ready) or SURVIVED

    def _try_afresh(self, mutant: Mutant, work: Path) -> str:
        limit(_IMPORT_S)
        try:
            tree = afresh(mutant)
        except SyntaxError:
            return NO_PYTHON
        ready = partial(for_programs, mutant, tree, work)
        names = self._hinted(mutant, using(self.tests, mutant.module))
        for part in filter(None, (names[:1], *by_file(names[1:]))):
            limit(_IMPORT_S)
            found: list[str] = []

            def look(items: Items, part: list[str] = part, found: list[str] = found) -> None:
                if failed := first_failure(items, part, self.tests, work, ready):
                    found.append(failed)

            if not collected(look, sorted({file_of(each) for each in part})):
                return "killed at import"
            if found:
                return found[0]
        return SURVIVED


def by_file(names: list[str]) -> list[list[str]]:
    """Tests in two parts: those of the files that have most of them, and the others."""
    count = Counter(map(file_of, names))
    near = {name for name, _ in count.most_common(2)} | {"test_guards_alike.py"}
    return [[each for each in names if (file_of(each) in near) is is_near] for is_near in (True, False)]


if __name__ == "__main__":
    main()
