"""What runs on this machine, and the service file that describes it."""

from paramedic.discovery.drafting import Draft, draft
from paramedic.discovery.guess import Found, LeftOut
from paramedic.discovery.scene import look_around
from paramedic.discovery.scope import divided
from paramedic.discovery.table import Table, load_table

__all__ = ["Draft", "Found", "LeftOut", "Table", "divided", "draft", "load_table", "look_around"]
