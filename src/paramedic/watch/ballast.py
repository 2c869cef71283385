"""Room held back on the disk of our own state, and given up when that is full: even then a recovery can be recorded."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from paramedic.sdk.blocking import in_thread
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")
_SIZE = 2 << 20
_LEAST = 512 << 10
"""Below this the disk counts as full."""
_PLENTY = 8 << 20
"""Room is held back only where so much is left besides."""
_ROUND_S = 0.5


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Ballast:
    """A file in the folder for state that is worth nothing but its room."""

    def __init__(self, folder: Path, free: Callable[[Path], int] = free_bytes) -> None:
        self._file = folder / "held-back"
        self._free = free

    def settle(self) -> None:
        """Give the room up where the disk is full, and take it where there is plenty."""
        free, is_held = self._free(self._file.parent), self._file.exists()
        if is_held and free < _LEAST:
            self._file.unlink()
            _log.warning("the disk of `%s` is full; gave up the %d MB held back there", self._file.parent, _SIZE >> 20)
        elif not is_held and free >= _PLENTY:
            number = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(number, 0, _SIZE)
            finally:
                os.close(number)


async def hold(node: Node) -> None:
    """For ever."""
    ballast = Ballast(node.service.settings.state_dir)
    while True:
        await in_thread(ballast.settle)
        await node.clock.sleep(_ROUND_S)
