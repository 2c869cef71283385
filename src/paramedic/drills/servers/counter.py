"""An API that calls a tool for every request, and tries again and again, in a hurry, while nobody answers.

Usage: ``python -m paramedic.drills.servers.counter PORT URL``, with the address of the server of tools. Each try in
vain costs a little time and a lot of processor.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TRIES, _WORK_S = 3, 0.3


def _ask(url: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(url, data=json.dumps(message).encode(), headers=headers)  # noqa: S310  # a neighbour
    with suppress(urllib.error.HTTPError):  # it answers; whether it likes the question is its own affair
        urllib.request.urlopen(request, timeout=2).close()  # noqa: S310  # see above


def _serve(port: int, tools: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            for _ in range(_TRIES):
                try:
                    _ask(tools)
                    break
                except OSError:
                    until = time.thread_time() + _WORK_S
                    while time.thread_time() < until:
                        sum(range(1000))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
