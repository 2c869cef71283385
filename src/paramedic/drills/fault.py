"""A fault: how a patient is really broken, and what the drill must put right afterwards by itself."""

from paramedic.sdk.fault import Fault, Step, fault

__all__ = ["Fault", "Step", "fault"]
