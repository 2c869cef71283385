"""Paramedic finds out what is wrong with an AI service, heals it, proves it, and learns from it."""

__version__ = "0.1.0"
