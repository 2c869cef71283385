"""Backups: made whole or not at all, verified by restoring them, kept as long as they should be."""

from paramedic.recovery.backups.desk import Backups

__all__ = ["Backups"]
