"""A queue that notes what it delivers."""

import pytest

from kept_calls import built, made_broken


@pytest.fixture
def made():
    return []


@pytest.fixture
def queue(made, clock):
    return built(made, clock)


@pytest.fixture(autouse=True)
def sound():
    made_broken.clear()
    yield
    made_broken.clear()
