"""A small server on SQLAlchemy's own pool of three connections to a PostgreSQL; one of its pages forgets to give back.

Usage: ``python -m paramedic.drills.servers.lender PORT``, with the dsn in ``LENDER_DSN``. ``/health`` asks the database
and tells of the pool; ``/forget`` takes a connection for good.
"""

import json
import os
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
from sqlalchemy.exc import TimeoutError as NoneLeft
from sqlalchemy.pool import PoolProxiedConnection, QueuePool


def _serve(port: int) -> None:
    pool = QueuePool(lambda: psycopg.connect(os.environ["LENDER_DSN"]), pool_size=3, max_overflow=0, timeout=0.3)  # type: ignore[arg-type]  # its protocol names more than it uses
    forgotten: list[PoolProxiedConnection] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                if self.path == "/forget":
                    forgotten.append(pool.connect())
                with closing(pool.connect()) as connection:
                    connection.cursor().execute("SELECT 1")
            except (NoneLeft, psycopg.Error) as error:
                status, body = 500, f"Internal Server Error\n{error}"
            else:
                status, body = 200, json.dumps({"pool": {"checked_out": pool.checkedout(), "size": pool.size()}})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
