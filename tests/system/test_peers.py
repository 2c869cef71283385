"""Beside other supervisors, on the same service, in the same run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.skipif(not shutil.which("monit"), reason="Monit is not installed")
@pytest.mark.skipif(not shutil.which("runsv"), reason="runit is not installed")
def test_every_strike_is_healed_and_only_we_record_it(tmp_path: Path) -> None:
    """All bring the killed service back; the hung one only Paramedic, with an incident and receipts for each."""
    out = tmp_path / "bench.json"
    subprocess.run(
        [sys.executable, ROOT / "bench" / "restart.py", "--kills", "3", "--hangs", "1", "--json", out], check=False
    )
    measured = json.loads(out.read_text())
    rows = {row["supervisor"]: row for row in measured["rows"]}
    assert set(rows) == {"paramedic", "supervisord", "runit", "monit"}
    ours = rows["paramedic"]
    assert ours["incidents"] == 4
    assert ours["receipts"] >= 8
    assert ours["hang_median_s"] is not None
    assert rows["supervisord"]["hang_median_s"] is None
    assert rows["runit"]["hang_median_s"] is None
    assert ours["kill_median_s"] < rows["supervisord"]["kill_median_s"]
    assert ours["kill_median_s"] < rows["monit"]["kill_median_s"]
