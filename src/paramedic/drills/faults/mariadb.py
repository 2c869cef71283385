"""A real MariaDB that stops, refuses, is silent, or lost its database."""

import signal
import sys
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.mariadb import absent
from paramedic.sdk import proc

_PASSWORD = "correct-horse-battery"  # noqa: S105  # of a server that lives for one drill

_IDLE_S = 0.2
_HOLDER = """
import pymysql, signal, sys
held = []
for _ in range(12):
    held.append(pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="shop", password=sys.argv[2]))
for each in held:
    each.cursor().execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
open(sys.argv[3], "w").close()
signal.pause()
"""


def _tell(patient: Patient, *statements: str) -> tuple[Any, ...]:  # Any: rows
    """Run statements; what the last one gave."""
    import pymysql

    port = int(patient.extra_environment["STORE_PORT"])
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2, autocommit=True)
    with connection, connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
        return tuple(cursor.fetchall())


def _with_a_store(*, silencer: bool = False) -> Step:
    """Give the patient a MariaDB."""

    async def prepare(patient: Patient) -> None:
        port, front = free_ports(2)
        command = [sys.executable, "-m", "paramedic.drills.servers.mariadb", str(patient.folder / "store"), str(port)]
        first = patient.invite(command)
        patient.extra_environment["STORE_PORT"] = str(port)

        def is_up() -> bool:
            try:
                _tell(patient, "SELECT 1")
            except Exception:  # a boundary: the driver is imported lazily
                return False
            return True

        await patient.until(is_up, "the server", within_s=90)
        _tell(
            patient,
            "CREATE DATABASE shop",
            f"CREATE USER shop IDENTIFIED BY '{_PASSWORD}'",
            "GRANT ALL ON shop.* TO shop",
        )
        first.terminate()
        await patient.until(lambda: first.poll() is not None, "the server to stop", within_s=30)
        patient.guests.remove(first)
        if silencer:
            patient.invite(
                (sys.executable, "-m", "paramedic.drills.servers.silencer", str(front), "127.0.0.1", str(port))
            )
            await patient.until(lambda: bool(proc.holders(front)), "the proxy", within_s=30)
        part: dict[str, Any] = {  # Any: as in a service file
            "kind": "mysql",
            "dsn": f"mysql://shop:{_PASSWORD}@127.0.0.1:{front if silencer else port}/shop",
            "admin": f"mysql://root@127.0.0.1:{port}",
            "release_users": ["shop"],
            "interval": "500ms",
            "timeout": "3s",
            "process": {"command": command, "port": port, "stop_timeout": "10s"},
            "thresholds": {"idle_in_transaction_s": _IDLE_S, "connections_percent": 100},
        }
        patient.edit(lambda document: document["components"].update(store=part))

    return prepare


@fault("mysql-down", prepare=_with_a_store(), impossible=absent)
async def crash_the_server(patient: Patient) -> None:
    """Crash the server under a parent that does not notice."""
    await patient.send("store", signal.SIGUSR1)


@fault("mysql-auth-failed", prepare=_with_a_store(), impossible=absent)
async def change_the_password(patient: Patient) -> None:
    """Change the user's password behind the service's back."""
    patient.mark()
    _tell(patient, "ALTER USER shop IDENTIFIED BY 'another-one'")


@fault("mysql-database-missing", prepare=_with_a_store(), impossible=absent)
async def drop_the_database(patient: Patient) -> None:
    """Drop the shop's database."""
    patient.mark()
    _tell(patient, "DROP DATABASE shop")


def _with_a_backup() -> Step:
    """The same, and backups of it."""
    ready = _with_a_store()

    async def prepare(patient: Patient) -> None:
        await ready(patient)
        patient.edit(lambda document: document["components"]["store"].update(backup={"every": "1d"}))

    return prepare


async def _is_as_saved(patient: Patient) -> None:
    if _tell(patient, "SELECT COUNT(*), CAST(SUM(id) AS INT) FROM shop.orders") != ((500, 125_250),):
        raise DrillFailed("the orders are not as they were saved")


@fault("mysql-database-dropped", prepare=_with_a_backup(), afterwards=_is_as_saved, impossible=absent)
async def drop_the_database_that_is_backed_up(patient: Patient) -> None:
    """Drop the shop's database, of which there is a backup."""
    _tell(patient, "CREATE TABLE shop.orders (id INT PRIMARY KEY)")
    _tell(patient, "USE shop", "INSERT INTO orders SELECT seq FROM seq_1_to_500")
    made = await patient.paramedic("backup", "create", "store", within_s=60)
    if made.code:
        raise DrillFailed(f"there is no backup: {made.err}")
    patient.mark()
    _tell(patient, "DROP DATABASE shop")


@fault("mysql-timeout", prepare=_with_a_store(silencer=True), impossible=absent)
async def fall_silent(patient: Patient) -> None:
    """Let a proxy in front of the server accept and say nothing any more."""
    patient.mark()
    patient.guests[-1].send_signal(signal.SIGUSR1)


@fault("mysql-connections-full", prepare=_with_a_store(), impossible=absent)
async def hold_every_connection(patient: Patient) -> None:
    """Let a program of the shop begin transactions on every connection and do nothing."""
    held, port = patient.folder / "all-are-held", patient.extra_environment["STORE_PORT"]
    _tell(patient, "SET GLOBAL max_connections = 100")
    patient.invite((sys.executable, "-c", _HOLDER, port, _PASSWORD, str(held)))
    await patient.until(held.exists, "every connection to be held", within_s=30)
    await patient.clock.sleep(_IDLE_S)  # so that all of them idle for too long from the moment on when nobody gets in
    patient.mark()
    _tell(patient, "SET GLOBAL max_connections = 12")
