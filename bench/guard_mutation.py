"""Mutation testing of paramedic.guard: every small change of its code must be noticed by a test.

Why a tool of our own: mutmut leaves decorated functions, properties and module level alone and copies the tree, and
cosmic-ray starts one interpreter per mutant. Here one interpreter imports the tests once; each mutant is a fork in
which the changed module's source is put in its place, and only the tests of that module run, those first that pass the
changed line when nothing is changed, stopping at the first that fails. No file of the tree is touched, so it may run
beside other work.

A mutant is killed when a test fails or nothing ends in time. What is excluded stands in EXCLUDED with its reason; an
exclusion that fits nothing is an error. FILE remembers: a module whose source and tests are the same as in it is not
run again. Whatever ends this program, a janitor ends what it started and removes its folder.

    python bench/guard_mutation.py [--only breaker] [--jobs 2] [--json FILE] [--anew] [--list]
"""

import argparse
import ast
import contextlib
import functools
import gc
import hashlib
import importlib.abc
import importlib.util
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import paramedic.guard

ROOT = Path(paramedic.guard.__file__).parent
TESTS = Path(__file__).parent.parent / "tests" / "guard"
PATIENCE_S = 600.0
NO_PYTHON, OUR_FAULT = 97, 98
"""Exit codes of a fork beside those of pytest."""

TESTED_BY = {
    "breaker": (
        "test_breaker",
        "test_breaker_corners",
        "test_wrapping",
        "test_breaker_machine",
        "test_sharing",
        "test_telemetry",
        "test_import",
    ),
    "cardinality": ("test_monitors", "test_telemetry"),
    "clock": ("test_breaker", "test_tripwire", "test_post"),
    "documents": ("test_documents", "test_flags"),
    "energy": ("test_energy",),
    "errors": ("test_breaker", "test_spending", "test_safety", "test_flags", "test_documents"),
    "events": ("test_breaker", "test_tripwire", "test_post"),
    "flag_check": ("test_flag_check",),
    "flag_file": ("test_flags",),
    "flags": ("test_flags", "test_openfeature"),
    "ledger": ("test_tripwire", "test_spending", "test_state_files"),
    "memory": ("test_monitors",),
    "objectives": ("test_safety",),
    "openfeature": ("test_openfeature",),
    "outside": ("test_post",),
    "performance": ("test_monitors",),
    "post": ("test_post", "test_watcher"),
    "safety": ("test_safety",),
    "settings": ("test_settings", "test_breaker"),
    "sharing": ("test_sharing",),
    "spending": ("test_spending", "test_tripwire"),
    "state_file": ("test_state_files", "test_tripwire"),
    "task_file": ("test_tasks", "test_state_files"),
    "tasks": ("test_tasks",),
    "telemetry": ("test_telemetry",),
    "testing": ("test_testing", "test_breaker"),
    "tripwire": ("test_tripwire", "test_spending"),
    "watcher": ("test_watcher", "test_post", "test_breaker"),
    "window": ("test_window",),
    "wrapping": ("test_wrapping", "test_breaker", "test_breaker_corners"),
    "__init__": ("test_import",),
}
EVERYWHERE = ("test_guards_alike",)

EXCLUDED: dict[str, str] = {
    "breaker: entered = _ENTERED.get()": "the longer way out of a block finds the same",
    'breaker: _TRIALS: ContextVar[tuple[Trial, ...]] = ContextVar("paramedic_guard_trials", default=())': (
        "the name of a context variable is seen in a debugger only"
    ),
    'breaker: "paramedic_guard_entered", default=None': "the name of a context variable is seen in a debugger only",
    "breaker: self.closed_period = self._period if state is State.CLOSED and self._watched else None": (
        "without it every call takes the longer way, which lets the same calls through"
    ),
    "outside: Event().wait(_PAUSE_S)": "without its pause the look spins, and finds the same",
    "flag_file: elif rollout_percent >= 100 and categories is None and min_complexity <= 0 and expires == NEVER:": (
        "a shorter way to the answer that the longer way gives, too"
    ),
}
"""Module and the exact text of a line -> why a change of it changes nothing that can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change."""

    module: str
    number: int
    """Among the sites of its module."""
    kind: str
    line: int
    what: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.what}"


SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.RShift: ast.LShift, ast.LShift: ast.RShift, ast.UAdd: ast.USub,
}  # fmt: skip


def sites(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Where a tree can be changed: the node, what kind of change, and words for it. Annotations and texts stay."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            below = getattr(node, name, None)
            if isinstance(below, ast.AST):
                skipped.update(map(id, ast.walk(below)))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(map(id, ast.walk(node)))
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id in ("__slots__", "__all__", "F") for each in node.targets
        ):
            skipped.update(map(id, ast.walk(node)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("TypeVar", "cast"):
            skipped.update(map(id, ast.walk(node.args[0])))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.update(map(id, ast.walk(node)))  # docstrings
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_type(node.targets[0].id):
            skipped.update(map(id, ast.walk(node)))  # a name for a type stands in annotations only
        if isinstance(node, ast.JoinedStr | ast.FormattedValue):
            skipped.update(id(each) for each in ast.walk(node) if isinstance(each, ast.Constant))  # words for people
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
            yield node, "operator", f"{type(node.op).__name__}"
        elif isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                if type(operator) in SWAPPED:
                    yield node, f"compare {number}", type(operator).__name__
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield node, "drop", type(node.op).__name__
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                yield node, "flip", str(node.value)
            elif isinstance(node.value, int | float):
                yield node, "plus one", str(node.value)
            elif isinstance(node.value, str) and node.value:
                yield node, "text", repr(node.value)[:30]
        elif isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Constant):
            yield node, "negate", "condition"
        elif isinstance(node, ast.Return) and node.value is not None and not is_none(node.value):
            yield node, "return none", "return"
        elif isinstance(node, ast.Assign) and not is_none(node.value) and not isinstance(node.value, ast.Constant):
            yield node, "assign none", "assignment"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            yield node, "drop call", ast.unparse(node.value)[:40]
        elif isinstance(node, ast.Break | ast.Continue):
            yield node, "swap jump", type(node).__name__
        elif isinstance(node, ast.Raise) and node.exc is None:
            yield node, "drop raise", "raise"


def is_type(name: str) -> bool:
    """Whether a name is spelled like a class."""
    return name[0].isupper() and not name.isupper()


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


class Change(ast.NodeTransformer):
    """Changes one node of a copy of the tree."""

    def __init__(self, target: ast.AST, kind: str) -> None:
        self.target, self.kind = target, kind

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.target:
            return self.generic_visit(node)
        kind = self.kind
        if kind == "operator":
            node.op = SWAPPED[type(node.op)]()  # type: ignore[attr-defined]
        elif kind.startswith("compare"):
            number = int(kind.split()[1])
            node.ops[number] = SWAPPED[type(node.ops[number])]()  # type: ignore[attr-defined]
        elif kind == "drop":
            return node.operand  # type: ignore[attr-defined]
        elif kind == "flip":
            node.value = not node.value  # type: ignore[attr-defined]
        elif kind == "plus one":
            node.value = node.value + 1  # type: ignore[attr-defined]
        elif kind == "text":
            node.value = f"X{node.value}X"  # type: ignore[attr-defined]
        elif kind == "negate":
            node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
        elif kind in ("return none", "assign none"):
            node.value = ast.Constant(None)  # type: ignore[attr-defined]
        elif kind == "swap jump":
            return ast.copy_location(ast.Continue() if isinstance(node, ast.Break) else ast.Break(), node)
        else:
            return ast.copy_location(ast.Pass(), node)
        return node


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module; what it is made of is worked out in its fork."""
    tree = ast.parse((ROOT / f"{module}.py").read_text())
    return [
        Mutant(module=module, number=number, kind=kind, line=node.lineno, what=f"{kind}: {words}")  # type: ignore[attr-defined]
        for number, (node, kind, words) in enumerate(sites(tree))
    ]


@functools.cache
def parsed(module: str) -> tuple[ast.Module, list[ast.AST]]:
    """A module and where it can be changed; every fork changes its own."""
    tree = ast.parse((ROOT / f"{module}.py").read_text())
    return tree, [node for node, _, _ in sites(tree)]


def source_of(mutant: Mutant) -> str:
    """The changed source; raises ``SyntaxError`` where the change is no Python."""
    tree, places = parsed(mutant.module)
    target = places[mutant.number]
    source = ast.unparse(ast.fix_missing_locations(Change(target, mutant.kind).visit(tree)))
    compile(source, mutant.module, "exec")
    return source


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a mutant's source for its module, to this process and through a path file to the programs it starts."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the protocol's
        if name != self.name:
            return None
        place = ROOT / "__init__.py" if name == "paramedic.guard" else None
        return importlib.util.spec_from_loader(name, self, origin=str(ROOT / "x.py"), is_package=place is not None)

    def create_module(self, spec):  # noqa: ARG002
        return None

    def exec_module(self, module) -> None:
        module.__file__ = (
            str(ROOT / f"{self.name.rpartition('.')[2]}.py")
            if self.name != "paramedic.guard"
            else str(ROOT / "__init__.py")
        )
        if self.name == "paramedic.guard":
            module.__path__ = [str(ROOT)]
        exec(compile(self.source, module.__file__, "exec"), module.__dict__)


SITE = """
import os, sys, importlib.abc, importlib.util
class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name != {name!r}: return None
        return importlib.util.spec_from_loader(name, self, is_package={package})
    def create_module(self, spec): return None
    def exec_module(self, module):
        module.__file__ = {file!r}
        if {package}: module.__path__ = [{root!r}]
        exec(compile(open({source!r}).read(), module.__file__, "exec"), module.__dict__)
sys.meta_path.insert(0, Changed())
"""


class Watched:
    """Notes which test passes which line of a module, and how long it takes."""

    def __init__(self, module: str, into: Path) -> None:
        self.file = str(ROOT / f"{module}.py")
        self.into = into
        self.found: dict[str, tuple[float, list[int]]] = {}
        self.lines: set[int] = set()

    def trace(self, frame, event, argument):  # noqa: ARG002 - the protocol's
        return self.line if frame.f_code.co_filename == self.file else None

    def line(self, frame, event, argument):  # noqa: ARG002 - the protocol's
        self.lines.add(frame.f_lineno)
        return self.line

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.lines = set()
        begun = time.process_time()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]  # it takes it
            self.found[item.nodeid] = (time.process_time() - begun, sorted(self.lines))

    def pytest_sessionfinish(self) -> None:
        self.into.write_text(json.dumps(self.found))


class Sorted:
    """Has the tests run first that pass a line, the quick ones before the slow ones."""

    def __init__(self, known: dict[str, tuple[float, list[int]]], line: int) -> None:
        self.known, self.line = known, line

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        def key(item: pytest.Item) -> tuple[bool, float]:
            took, lines = self.known.get(item.nodeid, (0.0, []))
            return self.line not in lines, took

        items.sort(key=key)


def janitor(folder: Path) -> None:
    """A process that waits for the end of this one, kills what is left of its mutants, and removes the folder."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        os.set_inheritable(writing, False)
        FORKED.append(writing)
        return
    os.setsid()
    os.close(writing)
    os.read(reading, 1)  # nothing is ever written: it returns when nobody is left who could
    for each in folder.iterdir():
        if each.name.isdecimal():
            end(int(each.name))
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


FORKED: list[int] = []
"""What a mutant must close: the janitor would wait for it."""


def end(pid: int) -> None:
    """A mutant and the programs that its tests had started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def run(mutant: Mutant | None, module: str, folder: Path) -> int:
    """In a fork: put the mutant in its place, forget what was imported of the guard, and run its tests."""
    work = folder / str(os.getpid())
    work.mkdir()
    os.chdir(work)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.environ["PARAMEDIC_GUARD_DIR"] = str(work / "guards")
    for name in [each for each in sys.modules if each.startswith("paramedic.guard")]:
        del sys.modules[name]
    if mutant is not None:
        package = module == "__init__"
        name = "paramedic.guard" if package else f"paramedic.guard.{module}"
        source = source_of(mutant)
        sys.meta_path.insert(0, Changed(name, source))
        (work / "source.py").write_text(source)
        (work / "site").mkdir()
        (work / "site" / "sitecustomize.py").write_text(
            SITE.format(
                name=name,
                package=package,
                file=str(ROOT / f"{module}.py"),
                root=str(ROOT),
                source=str(work / "source.py"),
            )
        )
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(work / "site"), os.environ.get("PYTHONPATH"))))
    files = [str(TESTS / f"{each}.py") for each in (*TESTED_BY[module], *EVERYWHERE)]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-x", "-q", "--tb=no", "--assert=plain", "-m", "not slow"]
    options += ["--timeout", "300" if mutant is None else "30"]  # whoever is watched line by line is slow
    options += ["-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"]  # hypothesis works without its own
    for each in (
        "cacheprovider",
        "unraisableexception",
        "threadexception",
        "doctest",
        "junitxml",
        "pastebin",
        "faulthandler",
    ):
        options += ["-p", f"no:{each}"]
    options += ["-o", "filterwarnings=ignore", "-c", str(TESTS.parent.parent / "pyproject.toml")]
    options += [f"--rootdir={TESTS.parent.parent}", f"--basetemp={work / 'pytest'}"]
    lines = folder / f"{module}.json"
    plugin = Watched(module, lines) if mutant is None else Sorted(json.loads(lines.read_text()), mutant.line)
    return int(pytest.main([*options, *files], plugins=[plugin]))


def verdict(mutant: Mutant | None, module: str, folder: Path, patience_s: float = PATIENCE_S) -> str:
    """Fork, wait, and say whether the mutant was killed."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = OUR_FAULT
        try:
            os.setsid()
            for each in FORKED:
                os.close(each)
            random.seed(0)
            code = run(mutant, module, folder)
        except SyntaxError:
            code = NO_PYTHON
        finally:
            os._exit(code)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() - begun > patience_s:
            end(pid)
            os.waitpid(pid, 0)
            shutil.rmtree(folder / str(pid), ignore_errors=True)
            return "timeout"
        time.sleep(0.02)
    end(pid)
    shutil.rmtree(folder / str(pid), ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    if code == OUR_FAULT:
        raise RuntimeError(f"{mutant.name if mutant else module} could not be run at all")
    return {0: "survived", NO_PYTHON: "no python"}.get(code, "killed")


def key(mutant: Mutant) -> str:
    """How exclusions name a line: by its text, so that they move with it."""
    return f"{mutant.module}: {(ROOT / f'{mutant.module}.py').read_text().splitlines()[mutant.line - 1].strip()}"


def digest(module: str) -> str:
    """Changes with a module, its tests, and what is excluded of it."""
    files = [ROOT / f"{module}.py", *(TESTS / f"{each}.py" for each in (*TESTED_BY[module], *EVERYWHERE))]
    mine = [line for line in sorted(EXCLUDED) if line.startswith(f"{module}: ")]
    return hashlib.sha1(b"".join(each.read_bytes() for each in files) + repr(mine).encode()).hexdigest()


def judge(module: str, wanted: list[Mutant], jobs: int, folder: Path) -> dict[str, str]:
    """What became of each mutant of a module."""
    begun = time.monotonic()
    if verdict(None, module, folder) != "survived":
        sys.exit(f"the tests of `{module}` fail without any change")
    patience_s = 60 + 3 * (time.monotonic() - begun)
    parsed(module)
    gc.freeze()
    found: dict[str, str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda each: verdict(each, module, folder, patience_s), wanted)
        for mutant, result in zip(wanted, results, strict=True):
            if result != "no python":
                found[f"{mutant.number} {mutant.name}"] = result
            if result == "survived":
                print(f"survived  {mutant.name:60}  {key(mutant).partition(': ')[2][:100]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--anew", action="store_true", help="run also what the file remembers")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--share", type=float, default=1.0, help="a random share of the mutants, for a quick look")
    options = parser.parse_args()
    if untold := {each.stem for each in ROOT.glob("*.py")} - set(TESTED_BY):
        sys.exit(f"nobody says which tests are those of {sorted(untold)}")
    modules = options.only or sorted(TESTED_BY)
    every = {module: mutants(module) for module in sorted(TESTED_BY)}
    if options.list:
        print("\n".join(each.name for module in modules for each in every[module]))
        return
    import opentelemetry.sdk.metrics  # noqa: F401 - imported once, here, for all forks
    import psutil  # noqa: F401
    import redis  # noqa: F401
    import ruamel.yaml  # noqa: F401
    from hypothesis import Phase, settings

    settings.register_profile("mutation", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutation")
    known = {}
    if options.json and options.json.exists() and not options.anew:
        known = json.loads(options.json.read_text()).get("modules", {})
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    janitor(folder)
    for module in modules:
        if known.get(module, {}).get("digest") == digest(module):
            continue
        begun = time.monotonic()
        before = digest(module)
        judged = [each for each in every[module] if key(each) not in EXCLUDED and is_in(each, options.share)]
        found = judge(module, judged, options.jobs, folder)
        print(f"{row(module, found)}  in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        known[module] = {"digest": before, "mutants": found}
        if options.json and options.share == 1:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps({"modules": known}, indent=1))
    sys.exit(tell({module: known[module]["mutants"] for module in sorted(TESTED_BY) if module in known}, every))


def is_in(mutant: Mutant, share: float) -> bool:
    return int(hashlib.sha1(mutant.name.encode()).hexdigest(), 16) % 1000 < share * 1000


def row(module: str, found: dict[str, str]) -> str:
    killed = sum(each != "survived" for each in found.values())
    return f"{module:14} {killed:5} of {len(found):5} killed  {killed / max(1, len(found)):7.1%}"


def tell(found: dict[str, dict[str, str]], every: dict[str, list[Mutant]]) -> bool:
    """The table; whether a target was missed or an exclusion fits nothing."""
    for module, mine in found.items():
        print(row(module, mine))
    results = [each for mine in found.values() for each in mine.values()]
    share = sum(each != "survived" for each in results) / max(1, len(results))
    excluded = [key(each) for module in found for each in every[module] if key(each) in EXCLUDED]
    wanted = sum(len(every[module]) for module in found)
    print(f"{row('all', {str(number): each for number, each in enumerate(results)})}")
    print(f"{len(excluded)} excluded ({len(excluded) / max(1, wanted):.2%})")
    for line in sorted(set(excluded)):
        print(f"excluded  {line}: {EXCLUDED[line]}")
    fits = {key(each) for mine in every.values() for each in mine}
    if unused := set(EXCLUDED) - fits:
        print(f"exclusions that fit nothing: {sorted(unused)}")
    return bool(share < 0.95 or len(excluded) > 0.01 * wanted or unused)


if __name__ == "__main__":
    main()
