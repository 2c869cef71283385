"""A stand-in for a thousand HTTP endpoints, in a process of its own: it answers at once, or never, and notes when.

Usage: ``python bench/probe_stub.py PORT``. ``/ok/…`` answers, ``/hung/…`` never does; ``/arrivals`` tells by path when
requests came (seconds of the monotonic clock, which all processes of the machine share) and forgets them.
"""

import asyncio
import json
import sys
import time
from typing import cast

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
arrivals: dict[str, list[float]] = {}


class Endpoint(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        path = data[4 : data.index(b" ", 4)].decode()
        if path == "/arrivals":
            body = json.dumps(arrivals).encode()
            arrivals.clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        arrivals.setdefault(path, []).append(time.monotonic())
        if not path.startswith("/hung/"):
            self.transport.write(ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
