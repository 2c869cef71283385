"""The checks of MySQL where no MariaDB is installed: the way to a server, and what MySQL 8 says, by `mysql-mimic`."""

import socket
import sys
import threading

import pytest
from mysql_mimic.errors import MysqlError

from mariadb_server import free_port
from paramedic.packs.mysql.actions import ReleaseIdle
from paramedic.packs.mysql.checks import accepts_queries
from paramedic.packs.mysql.queries import slow_queries
from paramedic.packs.mysql.sessions import sessions
from paramedic.packs.mysql.target import MySQL
from paramedic.packs.mysql.upkeep import upkeep
from paramedic.sdk import Secret, Status

ALL = (accepts_queries, sessions, slow_queries, upkeep)
VERSION = {"VERSION() AS version": [{"version": "8.4.3", "read_only": 0, "innodb_read_only": 0}]}
DENIED = MysqlError("Access denied; you need (at least one of) the PROCESS privilege(s)", 1227)


def process(
    id: int, command: str = "Sleep", time: int = 90, state: str = "", info: str | None = None
) -> dict[str, object]:
    """A line of the process list, as MySQL has it."""
    host = f"10.0.0.7:{5000 + id}"
    return {"ID": id, "USER": "shop", "HOST": host, "DB": "shop", "COMMAND": command, "TIME": time, "STATE": state,
            "INFO": info, "allowed": 4}  # fmt: skip


HEALTHY = {
    **VERSION,
    "information_schema.processlist p": [process(1)],
    "FROM information_schema.processlist": [],
    "innodb_trx": [],
    "@@performance_schema": [{"counts": 1}],
    "summary_by_digest": [],
    "REPLICA STATUS": [],
    "information_schema.tables": [{"size_mb": 12.5}],
}


@pytest.fixture
def target(mimic):
    """A server that is well but for some answers: its maker."""

    async def make(answers=(), **fields):
        port = await mimic({**dict(answers), **{k: v for k, v in HEALTHY.items() if k not in dict(answers)}})
        return MySQL(**{"port": port, "user": "app", "password": Secret("open-sesame"), **fields})

    return make


async def test_healthy(look, target):
    """A server that answers is well by every check."""
    server = await target()
    for spec in ALL:
        [found] = await look(spec, server)
        assert (found.status, found.code) == (Status.OK, None), found
    [found] = await look(accepts_queries, server)
    assert found.observed.startswith("MySQL 8.4.3 answered")


async def test_nobody_listens(look):
    """A closed port is a refusal; the other checks say that they did not look, and nothing is alarming about that."""
    gone = MySQL(port=free_port())
    [found] = await look(accepts_queries, gone)
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.refused")
    for spec in ALL[1:]:
        [found] = await look(spec, gone)
        assert (found.status, found.code) == (Status.INFO, None)
        assert "not looked at" in found.observed


async def test_a_server_that_says_nothing(look):
    """Accepted and then silent: a time-out, within the check's own time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [found] = await look(accepts_queries, MySQL(port=silent.getsockname()[1]), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.timeout")


async def test_something_else_listens(look):
    """Whoever hangs up lets nobody in."""

    def hang_up(listener: socket.socket) -> None:
        listener.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=hang_up, args=(other,))
        thread.start()
        [found] = await look(accepts_queries, MySQL(port=other.getsockname()[1]))
        thread.join()
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.not-ready")


async def test_a_name_without_an_address(look):
    """The host's name is the trouble, not the database."""
    [found] = await look(accepts_queries, MySQL(host="db.invalid"))
    assert found.code == "dns.unresolved"


async def test_no_driver(look, monkeypatch):
    """Without the extra nothing is known, and the hint names it."""
    monkeypatch.setitem(sys.modules, "pymysql", None)
    for spec in ALL:
        [found] = await look(spec, MySQL())
        assert found.status is Status.UNKNOWN
        assert "paramedic[mysql]" in found.hint


async def test_refused_for_who_we_are(look, target):
    """A wrong password is named, and told nowhere."""
    [found] = await look(accepts_queries, await target(password=Secret("wrong-one")))
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.auth-failed")
    assert "wrong-one" not in f"{found.observed}{found.because}{found.hint}"


@pytest.mark.parametrize(
    ("number", "said", "code"),
    [
        (1049, "Unknown database 'shop'", "mysql.database-missing"),
        (1040, "Too many connections", "mysql.connections-exhausted"),
        (1226, "User 'app' has exceeded the 'max_user_connections' resource", "mysql.connections-exhausted"),
        (1130, "Host '10.0.0.7' is not allowed to connect", "mysql.auth-failed"),
        (1053, "Server shutdown in progress", "mysql.not-ready"),
    ],
)
async def test_what_the_server_says(look, target, number, said, code):
    """The number of an error decides what it is."""
    server = await target({"VERSION() AS version": MysqlError(said, number)}, database="shop")
    [found] = await look(accepts_queries, server)
    assert (found.status, found.code) == (Status.CRITICAL, code)
    assert said in found.because


async def test_no_writes(look, target):
    """Read-only is told; a replica is allowed to be."""
    answers = {"VERSION() AS version": [{"version": "8.4.3", "read_only": "ON", "innodb_read_only": 0}]}
    [found] = await look(accepts_queries, await target(answers))
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.read-only")
    [found] = await look(accepts_queries, await target(answers, replica=True))
    assert found.status is Status.OK


async def test_who_holds_the_connections(look, act, target):
    """Every connection is taken, by sessions that idle in a transaction; threads of the server itself count not."""
    answers = {
        "information_schema.processlist p": [*(process(n) for n in range(1, 5)), process(9, "Binlog Dump")],
        "innodb_trx": [{"id": n, "transaction": str(42100 + n)} for n in (1, 2, 3)],
        "data_lock_waits": [],
    }
    server = await target(answers, release_users=("shop",))
    full, idle = await look(sessions, server)
    assert (full.status, full.code) == (Status.CRITICAL, "mysql.connections-exhausted")
    assert full.evidence[0].text.startswith("3 of `shop` from 10.0.0.7, idle in transaction")
    assert (idle.status, idle.code) == (Status.WARNING, "mysql.idle-in-transaction")
    preview = await ReleaseIdle.action.preview(act(server))
    assert preview.summary == "end 3 sessions of `shop` that idle in a transaction"


async def test_few_connections_left(look, target):
    """A warning before it is too late."""
    server = await target({"information_schema.processlist p": [process(n) for n in (1, 2, 3)]})
    [found] = await look(sessions, server, thresholds={"connections_percent": 70})
    assert (found.status, found.code) == (Status.WARNING, "mysql.connections-high")
    [found] = await look(sessions, server)
    assert found.status is Status.OK


async def test_transactions_that_we_may_not_see(look, act, target):
    """The check says what it did not see; the action is blocked by it."""
    server = await target({"innodb_trx": DENIED}, release_users=("shop",))
    [found] = await look(sessions, server)
    assert found.status is Status.OK
    assert "`PROCESS`" in found.observed
    assert "`PROCESS`" in ((await ReleaseIdle.action.preview(act(server))).blocked or "")


async def test_who_waits_for_whom(look, target):
    """MySQL 8 names transactions as text in one table and as numbers in the other."""
    answers = {
        "information_schema.processlist p": [process(1), process(2, "Query", 50, "updating", "UPDATE stock")],
        "innodb_trx": [{"id": 1, "transaction": "42101"}, {"id": 2, "transaction": "42102"}],
        "data_lock_waits": [{"waiter": 42102, "holder": 42101}],
    }
    [found] = await look(sessions, await target(answers), thresholds={"idle_in_transaction_s": 1000})
    assert (found.status, found.code) == (Status.WARNING, "mysql.blocked")
    assert "connection 1 of `shop` from 10.0.0.7 holds it" in found.because


async def test_a_table_whose_holder_is_not_told(look, target):
    """Of several transactions any may hold the definition of a table: nobody is accused."""
    waits = process(3, "Query", 50, "Waiting for table metadata lock", "ALTER TABLE stock")
    answers = {
        "information_schema.processlist p": [process(1), process(2), waits],
        "innodb_trx": [{"id": 1, "transaction": "1"}, {"id": 2, "transaction": "2"}],
        "data_lock_waits": [],
    }
    [found] = await look(sessions, await target(answers), thresholds={"idle_in_transaction_s": 1000})
    assert (found.status, found.code) == (Status.WARNING, "mysql.blocked")
    assert found.because == "the server does not say who holds it"
    assert "waits for somebody" in found.evidence[0].text


async def test_slow_statements(look, target):
    """By their mean time in the last minute; without counters only running ones are seen."""
    digest = {"digest": "d1", "calls": 4, "total_ms": 9000.0, "text": "SELECT * FROM stock", "without_index": 4,
              "rows_read": 200_000}  # fmt: skip
    [found] = await look(slow_queries, await target({"summary_by_digest": [digest]}))
    assert (found.status, found.code) == (Status.CRITICAL, "mysql.slow-queries")
    assert found.because == "`SELECT * FROM stock` is read from end to end"
    [found] = await look(slow_queries, await target({"@@performance_schema": [{"counts": 0}]}))
    assert found.status is Status.OK
    assert "performance_schema" in found.observed
    running = {"FROM information_schema.processlist": [{"user": "shop", "time": 7, "text": "SELECT SLEEP(100)"}]}
    [found] = await look(slow_queries, await target(running))
    assert (found.status, found.code) == (Status.WARNING, "mysql.slow-queries")


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        ({"Replica_IO_Running": "No", "Last_IO_Error": "cannot log in"}, "the replica receives nothing"),
        ({"Replica_SQL_Running": "No"}, "the replica applies nothing"),
        ({"Seconds_Behind_Source": 99}, "the replica is 99 s behind"),
    ],
)
async def test_a_replica_that_falls_behind(look, target, status, observed):
    """Whichever of its two threads does not run, or too slowly."""
    well = {"Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": 0}
    [found] = await look(upkeep, await target({"REPLICA STATUS": [well]}))
    assert found.status is Status.OK
    [found] = await look(upkeep, await target({"REPLICA STATUS": [{**well, "Last_IO_Error": "", **status}]}))
    assert (found.status, found.code, found.observed) == (Status.WARNING, "mysql.replication-lag", observed)


async def test_size(look, target):
    """Only where the service file says how large it may be; what may not be seen of replication is said."""
    server = await target({"REPLICA STATUS": DENIED, "SLAVE STATUS": DENIED})
    [found] = await look(upkeep, server)
    assert found.status is Status.OK
    assert "`REPLICATION CLIENT`" in found.observed
    [found] = await look(upkeep, server, thresholds={"database_mb": 10})
    assert (found.status, found.code) == (Status.WARNING, "mysql.large")


@pytest.mark.parametrize("dsn", ["postgresql://u@h/d", "mysql://", "mysql://u:se%20cret@h:port/x"])
@pytest.mark.parametrize("field", ["dsn", "admin"])
def test_a_dsn_that_is_none(dsn, field):
    """Refused without repeating it, for a password may stand in it."""
    with pytest.raises(ValueError, match="the dsn is no address such as") as refused:
        MySQL(**{field: Secret(dsn)})
    assert "cret" not in str(refused.value)
