"""Tests of the guard, collected once and run one by one in the forks of whoever collected them."""

import contextlib
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from forks import limit
from sites import TESTS, TOP
from watching import Passed

PATIENCE_S, PATIENCE = 10.0, 4.0
"""A test that takes so long, and so many times what it takes otherwise, hangs."""
_UNUSED = ("cacheprovider", "unraisableexception", "threadexception", "doctest", "junitxml", "pastebin", "faulthandler")


Items = dict[str, pytest.Item]


class _Instead:
    """What is done with the collected tests."""

    def __init__(self, act: Callable[[Items], None]) -> None:
        self.act = act
        self.done = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.done = not session.testsfailed
        if self.done:
            self.act({each.nodeid: each for each in session.items})
        return True


def collected(act: Callable[[Items], None], files: Iterable[str] = ()) -> bool:
    """Collect tests, of all files or of some, and do something with them; whether they could be imported."""
    options = ["-s", "-q", "--tb=no", "--assert=plain", "-m", "not slow", "--timeout", "0"]
    options += ["-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"]  # hypothesis works without its own
    for each in _UNUSED:
        options += ["-p", f"no:{each}"]
    options += ["-o", "filterwarnings=ignore", "-c", str(TOP / "pyproject.toml"), f"--rootdir={TOP}"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    instead = _Instead(act)
    paths = [str(TESTS / each) for each in files] or [str(TESTS)]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*options, *paths], plugins=[instead])
    return instead.done


def failing(item: pytest.Item, after: pytest.Item | None) -> str:
    """Run a test; what failed, nothing where it passed."""
    reports = runtestprotocol(item, log=False, nextitem=after)
    return "; ".join(str(each.longrepr) for each in reports if each.failed)


def first_failure(
    items: Items, names: list[str], known: dict[str, Passed], work: Path, for_programs: Callable[[], None]
) -> str | None:
    """The first of these tests that fails."""
    wanted = [items[name] for name in names if name in items]
    if not wanted:
        return None
    place_of_files(wanted[0].config, work)
    for item, after in zip(wanted, [*wanted[1:], None], strict=True):
        test = known[item.nodeid]
        if test.programs:
            for_programs()
        limit(PATIENCE_S + PATIENCE * test.took_s)
        if failing(item, after):
            return item.nodeid
    return None


def place_of_files(config: Any, work: Path) -> None:  # Any: pytest keeps this to itself
    """A fork's tests have a folder of their own."""
    factory = config._tmp_path_factory  # noqa: SLF001 - pytest itself never forks
    factory._given_basetemp = work / "pytest"  # noqa: SLF001
    factory._basetemp = None  # noqa: SLF001
