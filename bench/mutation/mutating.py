"""A mutant put in the place of what it was made of, in this process and in the programs that it starts.

In place: the changed functions get the changed code, wherever they are; what a test imported long ago is mutated, too.
Afresh: what runs when a module is imported can only be changed by importing it, and what imports it, again.
"""

import ast
import gc
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

from sites import ROOT, TESTS, Mutant, changed, parsed, path_of

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

Where = tuple[str, str, int]


class NotInPlaceError(Exception):
    """The change needs the module to be imported anew."""


def living_functions() -> dict[Where, list[FunctionType]]:
    """Every function of the guard that exists now."""
    found: dict[Where, list[FunctionType]] = {}
    top = str(ROOT)
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename.startswith(top):
            found.setdefault(_where(each.__code__), []).append(each)
    return found


def _where(code: CodeType) -> Where:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _inside(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _inside(each)


def in_place(mutant: Mutant, living: dict[Where, list[FunctionType]]) -> ast.Module:
    """Change the functions that there are; raises `NotInPlaceError`, ``SyntaxError``."""
    old: dict[Where, list[CodeType]] = {}
    for each in _inside(parsed(mutant.module)[2]):
        old.setdefault(_where(each), []).append(each)
    tree, code = changed(mutant)
    done = False
    for each in _inside(code):
        where = _where(each)
        if len(old[where]) > 1:  # two lambdas of one line
            raise NotInPlaceError
        if each == old[where][0]:
            continue
        for function in living.get(where, ()):
            try:
                function.__code__ = each
            except ValueError as error:  # it binds other names now
                raise NotInPlaceError from error
            done = True
    if not done:
        raise NotInPlaceError
    return tree


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a mutant's code for its module."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the protocol's
        if name != full_name(self.module):
            return None
        return importlib.util.spec_from_loader(
            name, self, origin=str(path_of(self.module)), is_package=self.module == "__init__"
        )

    def create_module(self, spec):  # noqa: ARG002
        return None

    def exec_module(self, module) -> None:
        module.__file__ = str(path_of(self.module))
        if self.module == "__init__":
            module.__path__ = [str(ROOT)]
        exec(self.code, module.__dict__)


def full_name(module: str) -> str:
    return "paramedic.guard" if module == "__init__" else f"paramedic.guard.{module}"


def afresh(mutant: Mutant) -> ast.Module:
    """Have the next import give the mutant; raises ``SyntaxError``."""
    tree, code = changed(mutant)
    forget()
    sys.meta_path.insert(0, Changed(mutant.module, code))
    return tree


def forget() -> None:
    """Nothing of the guard was ever imported, nor were its tests."""
    for name, module in list(sys.modules.items()):
        if name.startswith("paramedic.guard") or str(getattr(module, "__file__", "")).startswith(str(TESTS.parent)):
            del sys.modules[name]
    package = sys.modules.get("paramedic")
    if package is not None and hasattr(package, "guard"):
        del package.guard


def for_programs(mutant: Mutant, tree: ast.Module, work: Path) -> None:
    """Programs that are started from now on import the mutant, too."""
    if (work / "site").exists():
        return
    (work / "source.py").write_text(ast.unparse(tree))
    (work / "site").mkdir()
    (work / "site" / "sitecustomize.py").write_text(
        SITE.format(
            name=full_name(mutant.module),
            package=mutant.module == "__init__",
            file=str(path_of(mutant.module)),
            root=str(ROOT),
            source=str(work / "source.py"),
        )
    )
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(work / "site"), str(ROOT.parent.parent), os.environ.get("PYTHONPATH")))
    )
