"""An agent that starts a server of tools over its pipes, as desktop clients do, and never looks whether it still lives.

Usage: ``python -m paramedic.drills.servers.mcp_agent COMMAND…``. SIGTERM stops both.
"""

import os
import signal
import subprocess
import sys
from types import FrameType


def main() -> None:
    """Start the server, shake hands, and hold its pipes."""
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    over = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal over
        over = True
        server.terminate()
        server.wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    server.stdin.write(
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
        b'"clientInfo":{"name":"agent","version":"1"}}}\n'
    )
    server.stdin.flush()
    server.stdout.readline()
    server.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    server.stdin.flush()
    os.write(1, b"ready\n")
    while not over:
        signal.pause()


if __name__ == "__main__":
    main()
