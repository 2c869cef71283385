"""The command line in a folder of its own, run as users run it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SERVICE = """
service: shop
components:
  door: {kind: tcp, host: 127.0.0.1, port: PORT}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the test is in, without any of the tester's settings."""
    for name in list(os.environ):
        if name.startswith("PARAMEDIC") or name in ("DEBUG_MODE", "NO_COLOR", "FORCE_COLOR", "DIAGNOSTIC_REPORTS_PATH"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def paramedic(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``paramedic …`` in the folder."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "paramedic", *arguments],
            cwd=home, env={**os.environ, **environment}, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    return run
