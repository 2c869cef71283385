"""A small backend with the pages that clients need: who they are, and which versions fit.

Usage: ``python -m paramedic.drills.servers.backend PORT STATE``. ``STATE`` is a JSON file with ``token``, ``version``
and ``min_client``, read at every request.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def _serve(port: int, place: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state = json.loads(place.read_text())
            if self.path == "/version":
                self._send(200, {each: state[each] for each in ("version", "min_client")})
            elif self.headers.get("Authorization") == f"Bearer {state['token']}":
                self._send(200, {"name": "anna"})
            else:
                self._send(401, {"error": "who are you"})

        def _send(self, status: int, said: dict[str, str]) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
