"""What an import costs and brings."""

import subprocess
import sys

import pytest

from paramedic import guard

STANDARD = """
import sys
before = set(sys.modules)
import paramedic.guard as guard
for name in guard.__all__:
    if {everything}:
        getattr(guard, name)
strange = sorted(
    name for name in set(sys.modules) - before
    if name.partition(".")[0] not in sys.stdlib_module_names and name.partition(".")[0] != "paramedic"
)
others = sorted(name for name in sys.modules if name.startswith("paramedic.") and not name.startswith("paramedic.guard"))
assert not strange, strange
assert not others, others
import threading
assert threading.active_count() == 1
"""


@pytest.mark.parametrize("everything", [False, True])
def test_only_the_standard_library_comes_with_it(everything) -> None:
    """And nothing else of Paramedic, and no thread, whatever is used."""
    subprocess.run([sys.executable, "-c", STANDARD.replace("{everything}", str(everything))], check=True)


def test_sqlite_and_asyncio_come_only_when_they_are_needed() -> None:
    """A breaker alone brings neither."""
    program = "import sys; from paramedic.guard import CircuitBreaker; sys.exit(bool({'sqlite3', 'asyncio', 'ssl', 'hashlib'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_name_that_is_promised_is_there() -> None:
    """The public names are these."""
    assert sorted(guard.__all__) == sorted(guard._HOMES)
    assert guard.__all__ == [
        "BreakerSettings",
        "BudgetExhausted",
        "BudgetTripwire",
        "CircuitBreaker",
        "CircuitOpen",
        "Clock",
        "EnergyBudget",
        "EnergyMeter",
        "FailedTaskQueue",
        "FeatureFlags",
        "GuardError",
        "GuardEvent",
        "InvalidSettings",
        "LabelCap",
        "MemoryMonitor",
        "MissingExtra",
        "PerformanceMonitor",
        "Problem",
        "ProductionSafetyManager",
        "State",
        "TripCondition",
        "UnreadableDocument",
        "Window",
        "get_budget_tripwire",
        "get_feature_flags",
        "get_tripwire",
        "listen",
        "patient_profile",
        "reset_feature_flags",
        "reset_tripwire_instance",
    ]
    for name in guard.__all__:
        assert getattr(guard, name) is not None
        assert name in dir(guard)
    with pytest.raises(AttributeError, match="has no attribute `Nothing`"):
        guard.Nothing  # noqa: B018
