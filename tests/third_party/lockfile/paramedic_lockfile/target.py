"""What a service file says of a lock."""

from dataclasses import dataclass
from pathlib import Path

from paramedic.sdk import proc


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockfile:
    """A file that is there while a job works."""

    path: Path
    """The file, relative to the service file; it holds the process id of the job."""

    def holder(self) -> int | None:
        """The process id in the file; ``None`` without a lock. Raises ``OSError`` and ``ValueError``."""
        try:
            return int(self.path.read_text().strip() or "0")
        except FileNotFoundError:
            return None


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    return pid > 0 and proc.identity(pid) is not None
