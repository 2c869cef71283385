"""SIGKILL of Paramedic in the middle of a recovery: always verified, rolled back or escalated, nothing done twice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from living import Living, until
from paramedic.model.incident import IncidentState
from paramedic.model.receipt import Phase

POINTS = ("after-intent", "mid-act", "after-act", "after-done")


def kill_the_server(living: Living) -> None:
    os.kill(living.pids("server.py")[0], signal.SIGKILL)


def break_the_settings(living: Living) -> None:
    (living.folder / "settings.yaml").write_text("name: [shop\n")


def break_the_database(living: Living) -> None:
    with (living.folder / "data.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)


FAULTS: dict[str, tuple[Callable[[Living], None], int]] = {
    "restart-component": (kill_the_server, 1),
    "restore-config": (break_the_settings, 2),
    "repair-database": (break_the_database, 1),
}
CASES = [(book, step, point) for book, (_, steps) in FAULTS.items() for step in range(steps) for point in POINTS]
NO_MIDDLE = {("restore-config", 1)}
"""Steps whose act has no middle that could be interrupted: nothing had to be reloaded."""

ALWAYS = {
    ("restart-component", 0, "after-act"),
    ("restore-config", 0, "after-intent"),
    ("repair-database", 0, "mid-act"),
}
"""What is tried with every run of the tests, on SQLite; `make crash` tries all of it, on both stores."""


@pytest.fixture
def living(tmp_path: Path, store_url: str | None) -> Iterator[Living]:
    found = Living(tmp_path, store_url)
    yield found
    found.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("playbook", "step", "point"),
    [
        pytest.param(*case, marks=() if case in ALWAYS else pytest.mark.slow)
        for case in CASES
        if case[:2] not in NO_MIDDLE or case[2] != "mid-act"
    ],
)
def test_a_crash_never_leaves_a_half_state(
    living: Living, playbook: str, step: int, point: str, request: pytest.FixtureRequest
) -> None:
    """Within 10 s of the restart the incident has its ending; children survive and are adopted.

    How long it takes is judged by `make crash`, which has the machine for itself.
    """
    fault, _ = FAULTS[playbook]
    patience = 1 if request.node.get_closest_marker("slow") else 12
    living.watch(PARAMEDIC_FAILPOINT=f"{point}:{playbook}:{step}")
    assert living.watching is not None
    writer = living.pids("writer.py")
    fault(living)
    assert living.watching.wait(30 * patience) == -signal.SIGKILL, "the failpoint was reached"
    if playbook != "repair-database":  # which stops whoever writes to the database
        assert living.pids("writer.py") == writer, "children outlive a crash"
    began = time.monotonic()
    living.watching = living.begin("watch")
    until(
        lambda: (
            living.incidents() and living.incidents()[-1].state in (IncidentState.RESOLVED, IncidentState.ESCALATED)
        ),
        within_s=10 * patience,
        what=f"the incident ends: {living.incidents()}",
    )
    print(f"{playbook} {point} step {step}: ended {time.monotonic() - began:.1f} s after the restart")
    incident = living.incidents()[-1]
    assert incident.state is IncidentState.RESOLVED, incident
    assert playbook in incident.tried
    until(living.is_well, 15 * patience, "everything is well again")
    if playbook != "repair-database":
        assert living.pids("writer.py") == writer, "adopted, not restarted"
    assert len(living.pids("server.py")) == len(living.pids("writer.py")) == 1
    done = [(each.plan, each.step) for each in living.receipts() if each.phase is Phase.DONE]
    assert len(done) == len(set(done)), "no step is done twice"
    assert living.breaks() == ()
