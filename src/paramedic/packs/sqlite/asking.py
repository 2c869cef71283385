"""Our side of the conversation with the child that opens a patient's database."""

from paramedic.sdk.child import Answer, Child, NoAnswer

__all__ = ["Answer", "NoAnswer", "ask", "ask_now"]

_CHILD = Child(module="paramedic.packs.sqlite.inside.child", called="SQLite")
ask = _CHILD.ask
ask_now = _CHILD.ask_now
