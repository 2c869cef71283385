"""A small server on SQLAlchemy's own pool of three connections to a PostgreSQL; one of its pages forgets to give back.

Usage: ``python -m paramedic.drills.servers.lender PORT``, with the dsn in ``LENDER_DSN``. ``/health`` asks the database
and tells of the pool; ``/forget`` takes a connection for good.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool


def _serve(port: int) -> None:
    address = make_url(os.environ["LENDER_DSN"]).set(drivername="postgresql+psycopg")
    engine = create_engine(address, poolclass=QueuePool, pool_size=3, max_overflow=0, pool_timeout=0.3)
    pool = engine.pool
    assert isinstance(pool, QueuePool), "asked for above"
    forgotten: list[Connection] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                if self.path == "/forget":
                    forgotten.append(engine.connect())
                with engine.connect() as connection:
                    connection.execute(text("SELECT 1"))
            except SQLAlchemyError as error:
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
