"""Every scenario, for real: a patient is broken, and the drill says whether Paramedic did what it must."""

import pytest

from paramedic.demo.patient import lay_out
from paramedic.drills.catalogue import Drill, catalogue
from paramedic.drills.run import run_one


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "drill",
    [pytest.param(each, id=each.id) for each in catalogue().values()],
)
async def test_drill(drill: Drill):
    """The fault is named on the right part and ends as the catalogue says, seen from outside."""
    done = await run_one(drill, lay_out)

    if done.outcome.passed is None:
        pytest.skip(done.outcome.why)
    assert done.outcome.passed, f"{done.outcome.why}\n{done.remains.log_tail if done.remains else ''}"
