"""A ward for each test."""

from pathlib import Path

import pytest

from hostile.ward import Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """With the sample service."""
    return Ward(tmp_path)
