"""What files tell of their own changes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from paramedic.model.change import Change, ChangeKind


def written(
    paths: Iterable[Path], since: datetime, kind: ChangeKind = ChangeKind.CONFIG, *, what: str = "`{}` was written"
) -> tuple[Change, ...]:
    """Those of the files that were written, moved into place or given another mode since then. May block."""
    found = []
    for path in paths:
        try:
            seen = path.stat()
        except OSError:
            continue
        # the time of the inode as well: what is copied or unpacked keeps the older time of its content
        at = datetime.fromtimestamp(max(seen.st_mtime, seen.st_ctime), UTC)
        if at > since:
            found.append(Change(at=at, kind=kind, component=None, what=what.format(path.name)))
    return tuple(found)
