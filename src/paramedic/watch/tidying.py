"""Files of our own that nobody needs any more: workspaces whose plan is forgotten, and reports that have grown old."""

import shutil
import stat
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from paramedic.model.report import SAVED_AS
from paramedic.model.service import Settings

_YOUNG = timedelta(hours=1)
"""A plan is drawn up before it is recorded, which takes minutes where a large file is looked through."""


def tidy(settings: Settings, plans: Container[str], now: datetime) -> None:
    """Remove what belongs to none of these plans, and reports that retention no longer keeps. May block."""
    for place in _older(settings.state_dir / "plans", "*", now - _YOUNG, stat.S_ISDIR):
        if place.name not in plans:
            shutil.rmtree(place, ignore_errors=True)
    for report in _older(settings.reports_path, SAVED_AS, now - timedelta(days=settings.retention_days), stat.S_ISREG):
        with suppress(OSError):
            report.unlink()


def _older(folder: Path, pattern: str, than: datetime, is_of_kind: Callable[[int], bool]) -> Iterator[Path]:
    for place in folder.glob(pattern):
        with suppress(OSError):
            seen = place.lstat()
            if is_of_kind(seen.st_mode) and seen.st_mtime < than.timestamp():
                yield place
