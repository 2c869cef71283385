"""Every scenario, for real: a patient is broken, and the drill says whether Paramedic did what it must.

`make test` runs a third that has each way to break something, each ending, every control and every red herring;
`make board` runs all of them.
"""

from collections.abc import Iterator

import pytest

from paramedic.demo.patient import lay_out
from paramedic.drills.catalogue import Drill, Ends
from paramedic.drills.gathering import all_drills
from paramedic.drills.run import run_one


def cases() -> Iterator[object]:
    everything = all_drills()
    seen: set[object] = set()
    for drill in everything.drills.values():
        new = {everything.faults[drill.id].inject.__module__, drill.ends} - seen
        seen |= new
        is_part = new or drill.herrings or drill.ends is Ends.CONTROL
        yield pytest.param(drill, id=drill.id, marks=[] if is_part else [pytest.mark.slow])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("drill", list(cases()))
async def test_drill(drill: Drill):
    """The fault is named on the right part and ends as the catalogue says, seen from outside."""
    done = await run_one(drill, lay_out)

    if done.outcome.passed is None:
        pytest.skip(done.outcome.why)
    assert done.outcome.passed, f"{done.outcome.why}\n{done.remains.log_tail if done.remains else ''}"
