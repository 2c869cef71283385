"""Guards under test: a folder of their own, and no watcher thread unless a test asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.guard import CircuitBreaker, flags, tripwire
from paramedic.guard.events import RECENT
from paramedic.guard.testing import ManualClock
from paramedic.guard.watcher import WATCHER, Watcher


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time passes by hand: nothing looks in the background. ``living_watcher`` brings the thread back."""
    monkeypatch.setenv("PARAMEDIC_GUARD_DIR", str(tmp_path / "guards"))
    monkeypatch.delenv("RESON_FEATURES", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda _: None)  # power does not fail here; the tests of kill -9 run real programs
    before, wake = WATCHER._thread, WATCHER._wake
    WATCHER._start_anew()
    wake.set()
    if before is not None:
        before.join(20)
    WATCHER._guards.clear()
    RECENT.clear()
    if "living_watcher" not in request.fixturenames:
        monkeypatch.setattr(Watcher, "watch", lambda self, guard: self._guards.add(guard))
    yield
    flags.reset_feature_flags()
    tripwire.reset_tripwire_instance()
    WATCHER._guards.clear()


@pytest.fixture
def living_watcher() -> Watcher:
    """The thread runs as in a program."""
    return WATCHER


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> CircuitBreaker:
    """Opens at the third running failure, for half a minute."""
    return CircuitBreaker(name="model", failure_threshold=3, recovery_timeout=30, clock=clock)
