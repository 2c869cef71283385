"""What the tests of the service file share."""

from pathlib import Path

import pytest

from service.trial import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)
