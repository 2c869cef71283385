"""An incident's life as values: each change is a chapter, written whole or not at all."""

from paramedic.incident.calling import call, call_first, due_at, levels, set_back
from paramedic.incident.chapter import Chapter, write
from paramedic.incident.messages import announce

__all__ = ["Chapter", "announce", "call", "call_first", "due_at", "levels", "set_back", "write"]
