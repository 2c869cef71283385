"""A small server that keeps one connection to a PostgreSQL and never opens another one.

Usage: ``python -m paramedic.drills.servers.shelf PORT``, with the dsn in ``SHELF_DSN``. ``/health`` asks the database
over the kept connection; once that is broken it answers 500 until it is restarted, as a pool that is not looked after.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg


def _serve(port: int) -> None:
    kept: list[psycopg.Connection] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                if not kept:
                    kept.append(psycopg.connect(os.environ["SHELF_DSN"], autocommit=True, connect_timeout=2))
                kept[0].execute("SELECT 1")
            except psycopg.Error:
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
    _serve(int(sys.argv[1]))
