"""Playbooks become plans, plans pass the gate, the engine runs them durably and proves that they helped."""

from paramedic.recovery.auto import AutoRecovery, Recovered

__all__ = ["AutoRecovery", "Recovered"]
