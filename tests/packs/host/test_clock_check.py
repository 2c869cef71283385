"""What time it is, and whether that can be trusted."""

from datetime import UTC, datetime, timedelta

import pytest

from paramedic.packs.host import timekeeping, wall_clock
from paramedic.packs.host.target import Host
from paramedic.packs.host.timekeeping import Timekeeping
from paramedic.packs.host.wall_clock import clock
from paramedic.sdk import Status


@pytest.fixture
def kept(monkeypatch):
    """Says how the clock is kept: no test may turn off the machine's time service."""

    def say(*, is_synchronised: bool = True, offset_s: float = 0.0, error: OSError | None = None) -> None:
        def read() -> Timekeeping:
            if error:
                raise error
            return Timekeeping(is_synchronised=is_synchronised, offset_s=offset_s, error_s=0.1)

        monkeypatch.setattr(timekeeping, "read", read)

    say()
    return say


async def test_this_machine_is_understood(look):
    """The real kernel answers, or forbids the question; neither is a trouble."""
    [found] = await look(clock, Host(), thresholds={"clock_offset_s": 1e9})
    assert found.status in (Status.OK, Status.INFO)


def test_the_real_answer_is_plausible():
    """What `adjtimex` says fits together, where it may be asked."""
    try:
        said = timekeeping.read()
    except OSError as refused:
        pytest.skip(f"the kernel may not be asked here: {refused}")
    assert abs(said.offset_s) < 3600
    assert 0 <= said.error_s <= 17


async def test_one_step_is_only_mentioned(look, hands, kept):
    """The wall clock jumps by an hour: no alarm, neither then nor later."""
    seen = []
    for step in (0, 3600, 0, -3600, 0):
        hands.pass_(30)
        hands.step(step)
        seen += await look(clock, Host())
    assert {each.status for each in seen} <= {Status.OK, Status.INFO}
    assert "stepped by +60 min" in seen[1].observed


async def test_steps_again_and_again_are_a_trouble(look, hands, kept):
    """Five within an hour; an hour after the last it is well again."""
    for _ in range(6):
        hands.pass_(60)
        hands.step(5)
        [found] = await look(clock, Host())
    assert (found.status, found.code) == (Status.WARNING, "host.clock")
    hands.pass_(3700)
    [found] = await look(clock, Host())
    assert found.status is Status.OK


async def test_a_clock_in_the_past_is_critical(look, hands, kept):
    """Before the day on which this very program was installed, it is certainly wrong."""
    installed = datetime.fromtimestamp(wall_clock._OWN_FILE.stat().st_mtime, UTC)
    hands.wall = (installed - timedelta(days=2)).timestamp()
    [found] = await look(clock, Host())
    assert (found.status, found.code) == (Status.CRITICAL, "host.clock")


@pytest.mark.parametrize(("offset_s", "status"), [(0.2, Status.OK), (-3.0, Status.WARNING)])
async def test_what_the_time_service_says_counts(look, hands, kept, offset_s, status):
    """Off by a second and more is a warning."""
    kept(offset_s=offset_s)
    [found] = await look(clock, Host())
    assert found.status is status


async def test_a_time_service_that_is_gone_is_a_trouble_after_an_hour(look, hands, kept):
    """A machine that never had one is only told so; after a step, it may be gone for a while."""
    kept(is_synchronised=False)
    [never] = await look(clock, Host())
    kept()
    await look(clock, Host())
    kept(is_synchronised=False)
    [gone] = await look(clock, Host())
    hands.pass_(1800)
    [soon] = await look(clock, Host())
    hands.pass_(1900)
    [late] = await look(clock, Host())
    kept()
    [back] = await look(clock, Host())
    assert [each.status for each in (never, gone, soon, late, back)] == [
        Status.INFO,
        Status.INFO,
        Status.INFO,
        Status.WARNING,
        Status.OK,
    ]


async def test_a_question_that_is_forbidden_is_said(look, hands, kept):
    """In a container the kernel may not answer: that can be lived with, and is no verdict on the clock."""
    kept(error=PermissionError(1, "Operation not permitted"))
    [found] = await look(clock, Host())
    assert found.status is Status.INFO
    assert "cannot be told" in found.observed
