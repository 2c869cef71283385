"""The checks of PostgreSQL on a real server."""

import socket
import threading

import psycopg
import pytest

from paramedic.packs.postgres.checks import accepts_queries
from paramedic.packs.postgres.queries import slow_queries
from paramedic.packs.postgres.sessions import sessions
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.postgres.upkeep import upkeep
from paramedic.sdk import Secret, Status
from postgres_server import postgres_server


def nobody_there() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_healthy(look, target):
    """A server that answers is well by every check."""
    for spec in (accepts_queries, sessions, slow_queries, upkeep):
        [found] = await look(spec, target())
        assert (found.status, found.code) == (Status.OK, None), found
    [found] = await look(accepts_queries, target())
    assert 0 < found.measures["latency_ms"] < 5000


async def test_parts_instead_of_a_dsn(look, server, name):
    """Host, port, user and database may be given one by one."""
    parts = Postgres(host="127.0.0.1", port=server.port, user="paramedic", database=name)
    [found] = await look(accepts_queries, parts)
    assert found.status is Status.OK


async def test_nobody_listens(look):
    """A closed port is a refusal; the other checks say that they did not look, and nothing is alarming about that."""
    gone = Postgres(port=nobody_there())
    [found] = await look(accepts_queries, gone)
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.refused")
    for spec in (sessions, slow_queries, upkeep):
        [found] = await look(spec, gone)
        assert (found.status, found.code) == (Status.INFO, None)
        assert "not looked at" in found.observed


async def test_a_server_that_says_nothing(look):
    """Accepted and then silent: a time-out, within the check's own time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [found] = await look(accepts_queries, Postgres(port=silent.getsockname()[1]), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.timeout")


async def test_something_else_listens(look):
    """Whoever answers in another language lets nobody in."""

    def answer(listener: socket.socket) -> None:
        caller, _ = listener.accept()
        with caller:
            caller.recv(100)
            caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=answer, args=(other,))
        thread.start()
        [found] = await look(accepts_queries, Postgres(port=other.getsockname()[1]))
        thread.join()
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.not-ready")


@pytest.mark.parametrize(("user", "password"), [("app", "wrong-one"), ("nobody_of_this_name", "x")])
async def test_refused_for_who_we_are(look, server, target, user, password):
    """A wrong password and a role that is not there; the password is in no finding."""
    if user != "app":
        rules = server.directory / "data" / "pg_hba.conf"
        assert "scram-sha-256" in rules.read_text()
    [found] = await look(accepts_queries, target(user=user, password=password))
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.auth-failed")
    assert password not in f"{found.observed}{found.because}{found.hint}".replace("'x'", "") or password == "x"


async def test_a_database_that_is_not_there(look, target):
    """Its name is told, and that it may be lost data."""
    [found] = await look(accepts_queries, target(database="orders"))
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.database-missing")
    assert "`orders`" in found.observed
    assert "backup" in found.hint


async def test_a_name_without_an_address(look):
    """The host's name is the trouble, not the database."""
    [found] = await look(accepts_queries, Postgres(host="db.invalid"))
    assert found.code == "dns.unresolved"


async def test_no_driver(look, target, monkeypatch):
    """Without the extra nothing is known, and the hint names it."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    for spec in (accepts_queries, sessions):
        [found] = await look(spec, target())
        assert found.status is Status.UNKNOWN
        assert "paramedic[postgres]" in found.hint


async def test_no_connection_left(look, target, enter):
    """The service is refused; who holds the connections is told by the role that may still enter."""
    for _ in range(9):
        enter(application_name="leaky").execute("SELECT 1")  # begins a transaction and stays in it
    [found] = await look(accepts_queries, target())
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.connections-exhausted")
    [found] = await look(sessions, target())
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.connections-exhausted")
    assert found.observed == "all 9 connections are taken"
    assert "9 of `app` (leaky) from 127.0.0.1" in found.evidence[0].text
    assert "idle in transaction" in found.evidence[0].text


async def test_few_connections_left(look, target, enter):
    """A warning before it is too late."""
    for _ in range(8):
        enter()
    [found] = await look(sessions, target())
    assert (found.status, found.code) == (Status.WARNING, "postgres.connections-high")
    [found] = await look(sessions, target(), thresholds={"connections_percent": 95})
    assert found.status is Status.OK


async def test_a_transaction_that_idles(look, target, enter, server):
    """Named with its role and what it did last; a session that idles outside a transaction is nobody's business."""
    enter(autocommit=True).execute("SELECT 1")
    enter().execute("SELECT 4242")
    server.execute("SELECT pg_sleep(0.1)")
    [found] = await look(sessions, target(), thresholds={"idle_in_transaction_s": 0.05})
    assert (found.status, found.code) == (Status.WARNING, "postgres.idle-in-transaction")
    assert found.observed.startswith("1 sessions")
    assert "SELECT 4242" in found.evidence[0].text


async def test_who_waits_for_whom(look, target, enter, server, name):
    """The session at the head of the queue is named."""
    server.execute("CREATE TABLE t AS SELECT 1 AS n; GRANT ALL ON t TO app", name)
    holder, waiter = enter(), enter()
    holder.execute("LOCK TABLE t")
    thread = threading.Thread(target=waiter.execute, args=("SELECT * FROM t",))
    thread.start()
    wanted = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while server.execute(wanted) != [(1,)]:
        server.execute("SELECT pg_sleep(0.02)")
    [found] = await look(sessions, target(), thresholds={"blocked_s": 0.001, "idle_in_transaction_s": 1000})
    holder.rollback()
    thread.join()
    assert (found.status, found.code) == (Status.WARNING, "postgres.blocked")
    assert f"process {holder.info.backend_pid} of `app`" in found.because
    assert f"waits for {holder.info.backend_pid}" in found.evidence[0].text


async def test_slow_statements(look, target, server, name):
    """The costly statement and the table that is read from end to end are in the evidence; what is over stays over."""
    server.execute("CREATE EXTENSION pg_stat_statements; GRANT pg_read_all_stats TO app", name)
    server.execute(
        "CREATE TABLE big AS SELECT n, md5(n::text) AS s FROM generate_series(1, 50000) n; ANALYZE big", name
    )
    for number in range(4):
        server.execute(f"SELECT count(*) FROM big WHERE s = '{number}'", name)
    server.execute("SELECT pg_stat_force_next_flush()", name)
    slow = {"slow_query_ms": 0.5}
    [found] = await look(slow_queries, target(), thresholds=slow)
    assert found.code == "postgres.slow-queries"
    top = next(each for each in found.evidence if each.label == "statements by total time").text.splitlines()
    assert any("FROM big" in line and "4 calls" in line for line in top)
    assert len(top) <= 10
    [found] = await look(slow_queries, target(), thresholds=slow, looks_again=True)
    assert found.status is Status.OK


async def test_a_statement_that_runs_on(look, target, enter, server):
    """Seen while it runs, extension or not."""
    sleeper = enter()

    def sleep() -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            sleeper.execute("SELECT pg_sleep(30)")

    thread = threading.Thread(target=sleep)
    thread.start()
    running = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'"
    while not server.execute(running):
        server.execute("SELECT pg_sleep(0.02)")
    [found] = await look(slow_queries, target(), thresholds={"running_query_s": 0.001})
    sleeper.cancel()
    thread.join()
    assert found.code == "postgres.slow-queries"
    assert "pg_sleep(30)" in found.evidence[0].text


async def test_no_writes(look, target, server, name):
    """Read-only by a setting is told; a replica is allowed to be."""
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    [found] = await look(accepts_queries, target())
    assert (found.status, found.code) == (Status.CRITICAL, "postgres.read-only")
    [found] = await look(accepts_queries, target(replica=True))
    assert found.status is Status.OK


async def test_size(look, target):
    """Only where the service file says how large it may be."""
    [found] = await look(upkeep, target(), thresholds={"database_mb": 1})
    assert (found.status, found.code) == (Status.WARNING, "postgres.large")


async def test_a_standby_that_receives_nothing(look):
    """A standby without its primary is behind, however long it does not know."""
    with postgres_server() as primary:
        data = primary.directory / "data"
        primary.kill()
        (data / "standby.signal").touch()
        primary.start()
        standby = Postgres(port=primary.port, user="paramedic", database="postgres", replica=True)
        [found] = await look(upkeep, standby)
        assert (found.status, found.code) == (Status.WARNING, "postgres.replication-lag")
        [found] = await look(accepts_queries, standby)
        assert found.status is Status.OK
        [found] = await look(accepts_queries, Postgres(port=primary.port, user="paramedic", database="postgres"))
        assert found.code == "postgres.read-only"
        assert "standby" in found.because


@pytest.mark.parametrize("dsn", ["mysql://u@h/d", "postgresql://", "postgresql://u:se%20cret@h:port/x", "ftp://[::1"])
def test_a_dsn_that_is_none(dsn):
    """Refused without repeating it, for a password may stand in it."""
    with pytest.raises(ValueError, match="the dsn is no address such as") as refused:
        Postgres(dsn=Secret(dsn))
    assert "cret" not in str(refused.value)
