"""Descriptors held back for the messages."""

import os
import resource

import pytest

from paramedic.checking.means import lacking
from paramedic.watch.spare import Spare


@pytest.fixture
def spare() -> Spare:
    return Spare()


def _lowest_free() -> int:
    number = os.open("/", os.O_RDONLY)
    os.close(number)
    return number


def test_there_is_room_for_a_message_when_there_is_none_for_anything_else(spare: Spare) -> None:
    """While it is lent something can be opened, which no look may take for its own; then it is held back again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest := _lowest_free(), hard))
    try:
        assert lacking() == "too many open files"
        for _ in range(2):
            with spare.lent():
                with spare.lent():
                    assert _lowest_free() < lowest
                assert _lowest_free() < lowest, "one message left, the other is still on its way"
                assert lacking() == "too many open files"
            with pytest.raises(OSError, match="Too many open files"):
                _lowest_free()
            assert lacking() == "too many open files"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_given_up_where_there_is_plenty(spare: Spare) -> None:
    """It stays in reserve for the moment it is needed."""
    free = _lowest_free()
    with spare.lent():
        assert _lowest_free() == free
