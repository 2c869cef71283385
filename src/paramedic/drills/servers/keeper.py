"""A parent that lives on when the server that it started dies.

Usage: ``python -m paramedic.drills.servers.keeper COMMAND…``. SIGTERM stops both. SIGUSR1 kills the server, as a crash
would, while the parent goes on as if nothing had happened.
"""

import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn


def keep(
    server: "subprocess.Popen[bytes]", *, stop: signal.Signals = signal.SIGTERM, crash: signal.Signals = signal.SIGKILL
) -> NoReturn:
    """Wait for a signal; ``stop`` ends the server politely, ``crash`` does not."""

    def end(_number: int, _frame: FrameType | None) -> None:
        if server.poll() is None:
            server.send_signal(stop)
            server.wait()
        sys.exit(0)

    def kill(_number: int, _frame: FrameType | None) -> None:
        server.send_signal(crash)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, kill)
    while True:
        signal.pause()


if __name__ == "__main__":
    keep(subprocess.Popen(sys.argv[1:]))
