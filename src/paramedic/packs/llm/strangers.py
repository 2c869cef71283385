"""JSON that strangers send: read without trust in its shape."""

import json
from typing import Any

from paramedic.packs.http.answer import readable

Document = Any  # JSON from a stranger


def document(content: bytes) -> Document:
    """JSON of a stranger; ``None`` where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def error_said(content: str) -> str:
    """What the body of an error says, in whichever shape servers write it."""
    found = document(content.encode(errors="replace"))
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    return readable(found if isinstance(found, str) else content).strip()[:300]
