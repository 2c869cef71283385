"""The checks and the action of MySQL on a real MariaDB, where Debian's package is installed."""

import threading

import pymysql
import pytest

from mariadb_server import mariadb
from paramedic.packs.mysql.actions import ReleaseIdle
from paramedic.packs.mysql.checks import accepts_queries
from paramedic.packs.mysql.queries import slow_queries
from paramedic.packs.mysql.sessions import sessions
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.mysql.upkeep import upkeep
from paramedic.sdk import ActionFailed, DidIt, Secret, Status

pytestmark = pytest.mark.system
SOON = {"idle_in_transaction_s": 0.05}
OLD_ENOUGH = "SELECT min(time_ms) > 60 FROM information_schema.processlist WHERE user = 'app'"


def begin(connection: "pymysql.Connection", statement: str = "SELECT 1") -> None:
    """Run a statement in a transaction and leave it open."""
    with connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(statement)


async def test_healthy(look, target, server):
    """A server that answers is well by every check, and no connection is left behind."""
    for spec in (accepts_queries, sessions, slow_queries, upkeep):
        [found] = await look(spec, target())
        assert (found.status, found.code) == (Status.OK, None), found
    [found] = await look(accepts_queries, target())
    assert found.observed.startswith("MariaDB ")
    assert 0 < found.measures["latency_ms"] < 5000


@pytest.mark.parametrize(("user", "password"), [("app", "wrong-one"), ("nobody", "x")])
async def test_refused_for_who_we_are(look, target, user, password):
    """A wrong password, and a user that is not there."""
    [found] = await look(accepts_queries, target(user=user, password=password))
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.auth-failed")
    assert "wrong-one" not in f"{found.observed}{found.because}{found.hint}"


async def test_a_database_that_is_not_there(look, target, server, name):
    """Its name is told, and that it may be lost data."""
    server.execute(f"DROP DATABASE {name}")
    [found] = await look(accepts_queries, target())
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.database-missing")
    assert f"`{name}`" in found.observed
    assert "backup" in found.hint


async def test_no_connection_left(look, act, target, enter, server, until):  # noqa: PLR0917
    """The service is refused; who holds the connections is told by the user that may still enter, and released."""
    stays = enter(autocommit=True)
    for _ in range(11):
        begin(enter())
    [found] = await look(accepts_queries, target())
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.connections-exhausted")
    [found, *others] = await look(sessions, target(), thresholds=SOON)
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.connections-exhausted")
    assert "11 of them belong to `app`" in found.because
    assert "idle in transaction" in found.evidence[0].text
    assert [each.code for each in others] in ([], ["mysql.idle-in-transaction"])
    until(lambda: server.execute(OLD_ENOUGH)[0][0])
    context = act(target(release_users=("app",)), thresholds=SOON)
    preview = await ReleaseIdle.action.preview(context)
    assert preview.blocked is None
    assert preview.summary == "end 11 sessions of `app` that idle in a transaction"
    outcome = await ReleaseIdle.action.apply(context)
    assert outcome.summary.startswith("ended 11 of 11")
    until(lambda: len(server.execute("SHOW PROCESSLIST")) < 4)
    [found] = await look(accepts_queries, target())
    assert found.status is Status.OK
    stays.ping(reconnect=False)
    assert await ReleaseIdle.action.reconcile(context) is DidIt.YES  # whoever was to be ended is gone


async def test_nobody_named_nobody_ended(act, target, enter, server):
    """Without `release_users`, without the right to see, and for sessions that work, the plan is blocked and says why."""
    begin(enter())
    context = act(target(), thresholds=SOON)
    assert "release_users" in ((await ReleaseIdle.action.preview(context)).blocked or "")
    with pytest.raises(ActionFailed, match="release_users"):
        await ReleaseIdle.action.apply(context)
    blind = act(target(release_users=("app",), admin=None), thresholds=SOON)
    assert "PROCESS" in ((await ReleaseIdle.action.preview(blind)).blocked or "")
    enter(autocommit=True).ping()
    working = act(target(release_users=("app",)))
    assert "no session" in ((await ReleaseIdle.action.preview(working)).blocked or "")


async def test_few_connections_left(look, target, enter):
    """A warning before it is too late; without the right to see them only our own sessions count."""
    for _ in range(11):
        enter()
    [found] = await look(sessions, target())
    assert (found.status, found.code) == (Status.WARNING, "mysql.connections-high")
    [found] = await look(sessions, target(), thresholds={"connections_percent": 95})
    assert found.status is Status.OK


async def test_a_transaction_that_idles(look, target, enter, server, until):
    """Named with its user; whoever may not see transactions says so."""
    enter(autocommit=True).ping()
    begin(enter())
    until(lambda: server.execute(OLD_ENOUGH)[0][0])
    [found] = await look(sessions, target(), thresholds=SOON)
    assert (found.status, found.code) == (Status.WARNING, "mysql.idle-in-transaction")
    assert found.observed.startswith("1 sessions")
    [found] = await look(sessions, target(admin=None), thresholds=SOON)
    assert found.status is Status.OK
    assert "PROCESS" in found.observed


@pytest.mark.parametrize(
    ("holds", "waits", "seen"),
    [
        ("UPDATE t SET n = 2 WHERE n = 1", "UPDATE t SET n = 3 WHERE n = 1", "trx_state = 'LOCK WAIT'"),
        ("SELECT * FROM t", "ALTER TABLE t ADD COLUMN m INT", "state LIKE 'Waiting for table metadata%'"),
    ],
)
async def test_who_waits_for_whom(look, target, enter, server, name, until, holds, waits, seen):  # noqa: PLR0917
    """The session that holds the row, or the table's definition, is named."""
    server.execute(f"CREATE TABLE {name}.t (n INT PRIMARY KEY)", f"INSERT INTO {name}.t VALUES (1)")
    holder, waiter = enter(), enter()
    begin(holder, holds)
    thread = threading.Thread(target=waiter.cursor().execute, args=(waits,))
    thread.start()
    table = "innodb_trx" if "trx" in seen else "processlist"
    until(lambda: server.execute(f"SELECT * FROM information_schema.{table} WHERE {seen}"))
    [found] = await look(sessions, target(), thresholds={"blocked_s": 0.001, "idle_in_transaction_s": 1000})
    holder.rollback()
    thread.join()
    assert (found.status, found.code) == (Status.WARNING, "mysql.blocked")
    assert f"connection {holder.thread_id()} of `app`" in found.because
    assert f"waits for {holder.thread_id()}" in found.evidence[0].text


async def test_slow_statements(look, target, enter, server, name):
    """The costly statement is in the evidence, and that it has no index; what is over stays over."""
    server.execute(f"CREATE TABLE {name}.big (n INT, s CHAR(32))")
    with enter() as busy, busy.cursor() as cursor:
        cursor.execute("INSERT INTO big SELECT seq, md5(seq) FROM seq_1_to_50000")
        busy.commit()
        for number in range(4):
            cursor.execute("SELECT count(*) FROM big WHERE s = %s", (str(number),))
    target_seen = target(admin=None)
    server.execute("GRANT SELECT ON performance_schema.* TO app")
    slow = {"slow_query_ms": 0.5}
    [found] = await look(slow_queries, target_seen, thresholds=slow)
    assert found.code == "mysql.slow-queries"
    top = next(each for each in found.evidence if each.label == "statements by total time").text.splitlines()
    assert any("`big`" in line and "4 calls" in line for line in top)
    assert len(top) <= 10
    assert "4 times without an index" in next(each for each in found.evidence if "end to end" in each.label).text
    [found] = await look(slow_queries, target_seen, thresholds=slow, looks_again=True)
    assert found.status is Status.OK


async def test_a_statement_that_runs_on(look, target, enter, server, until):
    """Seen while it runs, even by those who may see no digests."""
    sleeper = enter()

    def sleep() -> None:
        with pytest.raises(pymysql.OperationalError, match="interrupted"):
            sleeper.cursor().execute("SELECT SLEEP(30)")

    thread = threading.Thread(target=sleep)
    thread.start()
    runs = "SELECT 1 FROM information_schema.processlist WHERE info = 'SELECT SLEEP(30)' AND time > 0"
    until(lambda: server.execute(runs))
    [found] = await look(slow_queries, target(), thresholds={"running_query_s": 0.001})
    server.execute(f"KILL QUERY {sleeper.thread_id()}")
    thread.join()
    assert found.code == "mysql.slow-queries"
    assert "SLEEP(30)" in next(each for each in found.evidence if each.label == "running").text


async def test_no_writes(look, target, server):
    """Read-only by a setting is told; a replica is allowed to be."""
    server.execute("SET GLOBAL read_only = 1")
    try:
        [found] = await look(accepts_queries, target())
        [replica] = await look(accepts_queries, target(replica=True))
    finally:
        server.execute("SET GLOBAL read_only = 0")
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.read-only")
    assert replica.status is Status.OK


async def test_size(look, target, server, name):
    """Only where the service file says how large it may be; without rights replication is not seen, and said so."""
    server.execute(f"CREATE TABLE {name}.t (n INT)")
    [found] = await look(upkeep, target(), thresholds={"database_mb": 0.001})
    assert (found.status, found.code) == (Status.WARNING, "mysql.large")
    [found] = await look(upkeep, target(admin=None))
    assert found.status is Status.OK
    assert "REPLICATION CLIENT" in found.observed


async def test_a_replica_that_stops(look, server, until):
    """Behind, whichever of its two threads does not run; well while both do."""
    server.execute("CREATE USER copier IDENTIFIED BY 'cc'", "GRANT REPLICATION SLAVE ON *.* TO copier")
    with mariadb("--server-id=2", "--read-only") as copy:
        replica = MySQL(dsn=Secret(f"mysql://root@127.0.0.1:{copy.port}"), replica=True)
        copy.execute(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={server.port}, MASTER_USER='copier', "
            "MASTER_PASSWORD='cc', MASTER_USE_GTID=slave_pos",
            "START SLAVE",
        )

        async def said() -> tuple[Status, str | None, str]:
            [found] = await look(upkeep, replica)
            return found.status, found.code, found.observed

        for runs in ("command = 'Slave_SQL'", "state LIKE 'Waiting for master%'"):
            until(lambda runs=runs: copy.execute(f"SELECT 1 FROM information_schema.processlist WHERE {runs}"))
        assert (await said())[:2] == (Status.OK, None)
        copy.execute("STOP SLAVE SQL_THREAD")
        assert await said() == (Status.WARNING, "mysql.replication-lag", "the replica applies nothing")
        copy.execute("STOP SLAVE")
        assert await said() == (Status.WARNING, "mysql.replication-lag", "the replica receives nothing")
