"""A small server that writes to a SQLite database at each request, answers 500 when it cannot, and logs nothing.

Usage: ``python -m paramedic.drills.servers.ledger PORT DATABASE``.
"""

import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer


def _serve(port: int, database: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                with closing(sqlite3.connect(database, timeout=5)) as connection, connection:
                    connection.execute("INSERT OR REPLACE INTO entries VALUES (1, randomblob(20000))")
            except sqlite3.Error:
                status = 500
            else:
                status = 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
