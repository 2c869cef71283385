"""A small server that reads its settings when it starts and at every request.

Usage: ``python -m paramedic.drills.servers.till PORT FILE``. Settings that make no sense end it at once; a discount
that is no share of a price makes every answer a 500.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def read(path: Path) -> dict[str, str]:
    """The settings: one ``name: value`` a line."""
    lines = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in lines}


def _serve(port: int, path: Path) -> None:
    if int(read(path)["shelves"]) < 1:
        sys.exit("shelves must be positive")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if 0 <= float(read(path)["discount"]) <= 1 else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
