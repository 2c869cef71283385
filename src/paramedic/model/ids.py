"""Identifiers that sort by the time they were made."""

import secrets
from datetime import datetime
from typing import NewType

IncidentId = NewType("IncidentId", str)
PlanId = NewType("PlanId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str, at: datetime) -> str:
    """``prefix-TTTTTTTTT-RRRR``: milliseconds in nine base-32 digits, then 20 random bits."""
    stamp, digits = int(at.timestamp() * 1000), ""
    for _ in range(9):
        stamp, digit = divmod(stamp, 32)
        digits = _ALPHABET[digit] + digits
    return f"{prefix}-{digits}-{''.join(secrets.choice(_ALPHABET) for _ in range(4))}"
