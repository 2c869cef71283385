"""Runs checks: which ones, each within its time, many at once, never one at the cost of another."""

from paramedic.checking.loop import run_loop
from paramedic.checking.runner import Progress, Runner
from paramedic.checking.selection import nearest

__all__ = ["Progress", "Runner", "nearest", "run_loop"]
