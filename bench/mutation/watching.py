"""Which test passes which lines of the guard, how long it takes, and whether it starts programs."""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mutating import forget, full_name
from sites import modules, path_of

_EVERYWHERE = ("test_guards_alike", "test_import")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What one test does."""

    took_s: float
    lines: dict[str, list[int]]
    programs: bool


class Tracer:
    """Notes the lines of the guard that are passed."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = {}
        self._files = {str(path_of(each)): each for each in modules()}

    def __enter__(self) -> "Tracer":
        self.lines = {}
        threading.settrace(self._call)
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]  # it takes it

    def _call(self, frame: Any, event: str, argument: object) -> Any:  # noqa: ARG002 - the protocol's
        module = self._files.get(frame.f_code.co_filename)
        if module is None:
            return None
        lines = self.lines.setdefault(module, set())

        def line(frame: Any, event: str, argument: object) -> Any:  # noqa: ARG001 - the protocol's
            lines.add(frame.f_lineno)
            return line

        lines.add(frame.f_lineno)
        return line

    def found(self) -> dict[str, list[int]]:
        return {module: sorted(lines) for module, lines in self.lines.items()}


class Programs:
    """Notes whether programs are started."""

    def __init__(self) -> None:
        self.any = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: object) -> None:  # noqa: ARG002 - the protocol's
        if event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec"):
            self.any = True


def passed_by(items: Iterable[Any], run: Callable[[Any], str]) -> dict[str, Passed]:
    """Run all tests as they are; `run` says what failed."""
    found = {}
    programs = Programs()
    tracer = Tracer()
    for item in items:
        programs.any = False
        begun = time.monotonic()
        with tracer:
            bad = run(item)
        if bad:
            bad = run(item)  # being watched makes it slow
        if bad:
            raise RuntimeError(f"`{item.nodeid}` fails without any change: {bad}")
        found[item.nodeid] = Passed(took_s=time.monotonic() - begun, lines=tracer.found(), programs=programs.any)
    return found


def at_import() -> dict[str, list[int]]:
    """The lines that run when the guard is imported."""
    forget()
    with Tracer() as tracer:
        for each in modules():
            import_module(full_name(each))
    return tracer.found()


def covering(tests: dict[str, Passed], module: str, lines: range) -> list[str]:
    """The tests that pass some line, the quick ones first.

    What a test does in programs that it starts is not seen: if it passes anything of the module, it is one of them,
    and comes last.
    """
    wanted = set(lines)
    found = [
        (each.programs, each.took_s, name)
        for name, each in tests.items()
        if (passed := each.lines.get(module)) and (each.programs or not wanted.isdisjoint(passed))
    ]
    return [name for _, _, name in sorted(found)]


def using(tests: dict[str, Passed], module: str) -> list[str]:
    """The tests that pass any line of a module, and those that look at all of them without running any."""
    passing = covering(tests, module, range(len(path_of(module).read_text().splitlines()) + 1))
    return [*passing, *(name for name in tests if name not in passing and any(each in name for each in _EVERYWHERE))]
