"""Every shipped playbook, killed at every failpoint of every step: the drill that uses it passes all the same."""

import pytest

from paramedic.demo.patient import lay_out
from paramedic.drills.catalogue import catalogue
from paramedic.drills.run import run_one
from paramedic.recovery.playbooks import load_playbooks
from paramedic.sdk import load_packs

DRILLS = {
    "restart-component": "process-killed",
    "clear-stale-instance": "port-held-by-stale-self",
    "relieve-memory": "memory-high",
    "free-disk": "disk-nearly-full",
    "restore-config": "config-unparseable",
    "reset-config": "client-config-reset",
    "revert-change": "bad-change",
    "repair-database": "sqlite-corrupt",
    "restore-database": "sqlite-missing",
    "restore-file": "data-file-invalid",
    "restore-from-backup": "postgres-database-dropped",
    "restart-database": "postgres-down",
    "reset-pools": "pool-exhausted",
    "release-idle-connections": "postgres-connections-full",
    "release-idle-connections-mysql": "mysql-connections-full",
    "install-package": "python-package-missing",
    "create-directory": "directory-missing",
    "fix-file-mode": "secret-file-readable",
    "restore-vector-index": "vector-index-truncated",
    "rebuild-vector-index": "vector-not-trained",
    "reindex-missing": "vector-stale",
    "compact-vector-index": "vector-orphans",
    "cap-cardinality": "metric-cardinality",
    "downgrade-to-baseline": "energy-budget-breached",
    "repair-tripwire-state": "tripwire-state-corrupt",
    "reset-breaker": "breaker-stuck-open",
    "reset-tripwire": "tripwire-stuck",
    "retune-breaker": "breaker-false-trips",
    "stop-spending": "runaway-token-loop",
    "set-protocol-version": "mcp-version-mismatch",
    "retry-failed-tasks": "mcp-tasks-lost",
    "pull-model": "llm-model-missing",
    "refetch-model": "model-cache-corrupt",
    "wait-and-retry": "discord-rate-limited",
    "reconnect": "discord-gateway-dropped",
    "wait-for-tools": "mcp-back-by-itself",
    "emergency-rollback": "release-degrades",
    "full-recovery": "full-system-recovery",
}
ELSEWHERE = {"make-backup", "raise-limit"}
"""Playbooks without a drill, killed in ``test_data_playbooks.py``: backups, and what a container engine is told."""
POINTS = ("after-intent", "mid-act", "after-act", "after-done")
UNINTERRUPTIBLE = {("restore-config", 1), ("reset-config", 1), ("restore-file", 1), ("revert-change", 1)}
"""Steps that find nothing to do in these drills, so that their act has no middle."""
NOBODY_DEPENDS = {("release-idle-connections", 1), ("release-idle-connections-mysql", 1)}
"""Steps for each dependant, in drills whose server has none; `restart-database` has the same step and a dependant."""
BOOKS = load_playbooks(load_packs())


def test_every_shipped_playbook_is_tried() -> None:
    """A new playbook gets its crashes, too."""
    assert set(DRILLS) | ELSEWHERE == set(BOOKS)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "failpoint",
    [
        f"{point}:{book}:{step}"
        for book in DRILLS
        for step in range(len(BOOKS[book].steps))
        if (book, step) not in NOBODY_DEPENDS
        for point in POINTS
        if point != "mid-act" or (book, step) not in UNINTERRUPTIBLE
    ],
)
async def test_the_drill_passes_in_spite_of_a_crash(failpoint: str) -> None:
    """Verified soon after the restart (10 s; more where starts and looks are slow), the record sound, nothing left."""
    drill = catalogue()[DRILLS[failpoint.split(":")[1]]]
    done = await run_one(drill, lay_out, failpoint)
    if done.outcome.passed is None:
        pytest.skip(done.outcome.why)
    assert done.outcome.passed, f"{done.outcome.why}\n{done.remains.log_tail if done.remains else ''}"
