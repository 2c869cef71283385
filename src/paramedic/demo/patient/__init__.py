"""The patient: a small shop assistant made of real processes, files and a real database.

``api`` talks to customers and stores what was said, ``model`` writes the answers, ``worker`` sends reminders,
``queue`` passes lines on. Nothing here knows of Paramedic; only ``layout`` writes a service file that names the parts.
Each part has a few hooks with which a drill can make it really sick; they answer to this machine alone.
"""

from paramedic.demo.patient.layout import lay_out
from paramedic.demo.patient.ports import Ports

__all__ = ["Ports", "lay_out"]
