"""A small server of which every other request needs the shelf, as an API of which only a part needs the database.

Usage: ``python -m paramedic.drills.servers.desk PORT URL``, with the address of the shelf.
"""

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import cycle


def _serve(port: int, shelf: str) -> None:
    needs_shelf = cycle((True, False))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 200
            if next(needs_shelf):
                try:
                    urllib.request.urlopen(shelf, timeout=2).close()  # noqa: S310  # our own neighbour
                except (urllib.error.URLError, OSError):
                    status = 500
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
