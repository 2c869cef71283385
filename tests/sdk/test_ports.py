"""What the program tells packs of processes."""

from datetime import UTC, datetime

import pytest

from paramedic.sdk import Exit


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-9, "was killed by SIGKILL"),
        (-99, "was killed by signal 99"),
        (None, "ended, its exit code unknown"),
    ],
)
def test_the_end_of_a_process_is_told_in_words(code: int | None, words: str) -> None:
    """Whatever is known of it, nobody reads `None` or a negative number."""
    assert Exit(at=datetime.now(UTC), age_s=0.0, uptime_s=1.0, code=code).in_words == words
