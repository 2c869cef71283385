"""The revision of the protocol that the service file declares for a server, read and changed in the file itself."""

from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.mcp.target import Revision
from paramedic.sdk.editing import parsed, with_value
from paramedic.sdk.files import read_whole

_LARGEST = 16 << 20


def protocol_in_file(path: Path, component: str) -> str | None:
    """What the file says now; ``None`` where it says nothing, or cannot be read."""
    try:
        data = parsed(read_whole(path, _LARGEST).decode(), "yaml")
    except Exception:  # a boundary: a file amid a change says nothing
        return None
    for key in ("components", component):
        data = data.get(key) if isinstance(data, Mapping) else None
    declared = data.get("protocol") if isinstance(data, Mapping) else None
    return None if declared is None else str(declared)


def with_protocol(text: str, component: str, revision: Revision) -> str:
    """The text of a service file with another revision; everything else stays as it is.

    Raises:
        ParamedicError: that cannot be changed without changing other lines.
    """
    return with_value(text, "yaml", ("components", component, "protocol"), str(revision))
