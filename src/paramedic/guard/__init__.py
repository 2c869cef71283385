"""Guards for calls that may fail, cost too much, or must be switched off: in your process, standard library only.

    CircuitBreaker            stops calling what does not answer
    ProductionSafetyManager   breakers and objectives from ``slo.yaml``
    BudgetTripwire            falls back to the baseline when a budget is breached; stops calls that would overspend
    EnergyBudget              the same in joules
    FeatureFlags              which overlays are on
    MemoryMonitor, PerformanceMonitor, FailedTaskQueue, LabelCap

Each is reached from outside its process, too: `paramedic.guard.post` describes the folder where orders are placed and
where every process shows its guards; `paramedic.guard.outside` is the other end. `paramedic.guard.testing` helps tests.
"""

from paramedic.guard.breaker import CircuitBreaker, State
from paramedic.guard.cardinality import LabelCap
from paramedic.guard.clock import Clock
from paramedic.guard.energy import EnergyBudget, EnergyMeter
from paramedic.guard.errors import (
    BudgetExhausted,
    CircuitOpen,
    GuardError,
    InvalidSettings,
    MissingExtra,
    Problem,
    UnreadableDocument,
)
from paramedic.guard.events import GuardEvent, listen
from paramedic.guard.flags import FeatureFlags, get_feature_flags, reset_feature_flags
from paramedic.guard.memory import MemoryMonitor
from paramedic.guard.performance import PerformanceMonitor
from paramedic.guard.safety import ProductionSafetyManager
from paramedic.guard.settings import BreakerSettings, TripCondition, patient_profile
from paramedic.guard.tripwire import BudgetTripwire, get_budget_tripwire, get_tripwire, reset_tripwire_instance
from paramedic.guard.window import Window

__all__ = [
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


def __getattr__(name: str) -> object:
    """The queue brings SQLite with it, so it is imported when it is first used."""
    if name == "FailedTaskQueue":
        from paramedic.guard.tasks import FailedTaskQueue

        return FailedTaskQueue
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
