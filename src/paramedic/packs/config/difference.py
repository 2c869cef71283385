"""What an act would change in a configuration file, as people read it."""

import difflib
from pathlib import Path

from paramedic.report.redaction import Redactor
from paramedic.sdk import ActContext

_LONGEST_DIFF = 200


def difference(context: ActContext, path: Path, old: bytes, new: bytes) -> str:
    """A unified diff without secrets."""
    lines = difflib.unified_diff(
        old.decode("utf-8", "replace").splitlines(),
        new.decode("utf-8", "replace").splitlines(),
        f"{path.name} (now)",
        f"{path.name} (afterwards)",
        lineterm="",
    )
    # redacted as a whole: of a secret that is cut open nobody would know the rest
    text = [line[:300] for line in Redactor(context.service.secrets).text("\n".join(lines)).splitlines()]
    if len(text) > _LONGEST_DIFF:
        text = [*text[:_LONGEST_DIFF], f"… and {len(text) - _LONGEST_DIFF} more lines"]
    return "\n".join(text)
