"""A lack of our own is never taken for a trouble of the patient."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from paramedic.checking.means import lacking
from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import Context, check
from things import Thing

GONE = Code(id="thing.gone", type=IssueType.OUTAGE, summary="the thing is gone")
_IT = Component(name="it", kind="thing", target=Thing(name="it"))


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """What is open stays so, and nothing else can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@check(GONE, of=Thing, id="thing.is-there")
async def is_there(_thing: Thing, context: Context) -> Finding:
    """As many do, it takes what it cannot open for gone."""
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError:
        return context.critical(GONE, observed="gone", expected="there", hint="look for it")
    return context.ok("there")


@check(GONE, of=Thing, id="thing.loses")
async def loses(_thing: Thing, context: Context) -> Finding:
    """The descriptors run out while it looks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    context.memory["before"] = soft, hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    return context.critical(GONE, observed="gone", expected="there", hint="look for it")


async def test_nothing_is_gone_for_want_of_descriptors(looking: Callable[..., Any]) -> None:
    """The verdict is unknown, says why and what to do; the next look is a verdict again."""
    runner = looking(is_there)
    with no_more_descriptors():
        (found,) = await runner.look_at(_IT, is_there)
    assert (found.status, found.code) == (Status.UNKNOWN, "paramedic.cannot-look")
    assert "too many open files" in found.observed
    assert "ulimit -n" in (found.hint or "")
    (found,) = await runner.look_at(_IT, is_there)
    assert found.status is Status.OK


async def test_what_was_found_while_they_ran_out_is_no_verdict(looking: Callable[..., Any]) -> None:
    """Nobody knows whether it was true."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        (found,) = await looking(loses).look_at(_IT, loses)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (found.status, found.code) == (Status.UNKNOWN, "paramedic.cannot-look")


def test_only_what_any_look_needs_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another trouble with the file system is for the checks to tell."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert lacking() is None
