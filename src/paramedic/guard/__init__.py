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

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramedic.guard.breaker import CircuitBreaker
    from paramedic.guard.cardinality import LabelCap
    from paramedic.guard.circuit import State
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
    from paramedic.guard.tasks import FailedTaskQueue
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

_HOMES = {
    "BreakerSettings": "settings",
    "BudgetExhausted": "errors",
    "BudgetTripwire": "tripwire",
    "CircuitBreaker": "breaker",
    "CircuitOpen": "errors",
    "Clock": "clock",
    "EnergyBudget": "energy",
    "EnergyMeter": "energy",
    "FailedTaskQueue": "tasks",
    "FeatureFlags": "flags",
    "GuardError": "errors",
    "GuardEvent": "events",
    "InvalidSettings": "errors",
    "LabelCap": "cardinality",
    "MemoryMonitor": "memory",
    "MissingExtra": "errors",
    "PerformanceMonitor": "performance",
    "Problem": "errors",
    "ProductionSafetyManager": "safety",
    "State": "circuit",
    "TripCondition": "settings",
    "UnreadableDocument": "errors",
    "Window": "window",
    "get_budget_tripwire": "tripwire",
    "get_feature_flags": "flags",
    "get_tripwire": "tripwire",
    "listen": "events",
    "patient_profile": "settings",
    "reset_feature_flags": "flags",
    "reset_tripwire_instance": "tripwire",
}
"""Where each name lives. It is imported when it is first used, so that a program pays for what it uses."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
