"""What is looked at for what lies open."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST = 500
_WILD = ("*", "?", "[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Files, logs and addresses of a service. Its processes and addresses are looked at without being named here."""

    private: tuple[Path, ...] = ()
    """Files that hold secrets, such as ``.env``: nobody but their owner may read them. Patterns are allowed, here and
    below."""
    group_reads: bool = False
    """Whether the group of a private file may read it, too."""
    files: tuple[Path, ...] = ()
    """Files in which no secret may stand, such as settings that are kept under version control."""
    logs: tuple[Path, ...] = ()
    """Logs, in which no secret may stand either; only what is new is read at each look."""
    public_ports: tuple[int, ...] = ()
    """Ports that may be reached from other machines."""
    tls: tuple[str, ...] = ()
    """More addresses that speak TLS, as ``host:port``."""

    def watched(self) -> tuple[Path, ...]:
        """Files whose changes wake the checks."""
        return tuple(each for each in (*self.private, *self.files, *self.logs) if not _is_pattern(each))


def found(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Every file that the paths and patterns name, each once."""
    seen: set[Path] = set()
    for each in paths:
        matches = sorted(glob.glob(str(each), recursive=True))[:_MOST] if _is_pattern(each) else [str(each)]  # noqa: PTH207  # the pattern is absolute
        for path in map(Path, matches):
            if path not in seen:
                seen.add(path)
                yield path


def _is_pattern(path: Path) -> bool:
    return any(each in str(path) for each in _WILD)
