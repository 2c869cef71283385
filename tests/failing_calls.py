"""Calls through a breaker, for tests: to a dependency that is down or well."""

import pytest

from paramedic.guard import CircuitOpen
from paramedic.guard.testing import Outcomes


class Down(Exception):
    """The dependency does not answer."""


def slow(breaker, clock, times=1, seconds=6.0):
    for _ in range(times):
        breaker.call(Outcomes(["late"], clock, seconds))


def fail(breaker, times=1):
    for _ in range(times):
        with pytest.raises(Down):
            breaker.call(Outcomes([Down()]))


def succeed(breaker, times=1):
    for _ in range(times):
        assert breaker.call(Outcomes(["fine"])) == "fine"


def refused(breaker):
    dependency = Outcomes(["must not be reached"])
    with pytest.raises(CircuitOpen) as refusal:
        breaker.call(dependency)
    assert dependency.calls == []
    return refusal.value


def numbers(breaker, *names):
    state = breaker.get_state()
    return tuple(state[name] for name in names)
