"""The checks of Neo4j with the official driver, on a stub that speaks Bolt: no real server can run here."""

import asyncio
import socket
import sys

import pytest

from paramedic.drills.servers.bolt_stub import Stub
from paramedic.packs.neo4j.checks import accepts_queries, databases
from paramedic.packs.neo4j.target import Neo4j
from paramedic.sdk import Secret, Status


@pytest.fixture
async def target():
    """The stub as the service file would name it: its maker."""
    servers = []

    async def make(wanted: str = "", held: dict[str, str] | None = None, **fields: object) -> Neo4j:
        server = await asyncio.start_server(Stub(wanted, held).serve, "127.0.0.1", 0)
        servers.append(server)
        return Neo4j(**{"port": server.sockets[0].getsockname()[1], **fields})

    yield make
    for each in servers:
        each.close()
        await each.wait_closed()


def nobody_there() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_healthy(look, target):
    """A server that answers is well by every check, with and without a password, by each scheme."""
    graph = await target("open-sesame", password=Secret("open-sesame"))
    for spec in (accepts_queries, databases):
        [found] = await look(spec, graph)
        assert (found.status, found.code) == (Status.OK, None), found
    for scheme in ("bolt", "neo4j"):
        dsn = Secret(f"{scheme}://neo4j:open-sesame@127.0.0.1:{graph.port}/neo4j")
        [found] = await look(accepts_queries, Neo4j(dsn=dsn))
        assert found.status is Status.OK
        assert found.observed.startswith("Neo4j 4.4.0-stub answered")


async def test_nobody_listens(look):
    """A closed port means that it is not there; the other check says that it did not look."""
    gone = Neo4j(port=nobody_there())
    [found] = await look(accepts_queries, gone)
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.unavailable")
    [found] = await look(databases, gone)
    assert (found.status, found.code) == (Status.INFO, None)


async def test_a_server_that_says_nothing(look):
    """Accepted and then silent: a time-out, within the check's own time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [found] = await look(accepts_queries, Neo4j(port=silent.getsockname()[1]), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.timeout")


async def test_something_else_listens(look):
    """Whoever answers in another language answers no query."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(20)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        [found] = await look(accepts_queries, Neo4j(port=other.sockets[0].getsockname()[1]))
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.not-ready")


async def test_a_name_without_an_address(look):
    """The host's name is the trouble, not the server."""
    [found] = await look(accepts_queries, Neo4j(host="graph.invalid"))
    assert found.code == "dns.unresolved"


async def test_no_driver(look, monkeypatch):
    """Without the extra nothing is known, and the hint names it."""
    monkeypatch.setitem(sys.modules, "neo4j", None)
    for spec in (accepts_queries, databases):
        [found] = await look(spec, Neo4j())
        assert found.status is Status.UNKNOWN
        assert "paramedic[neo4j]" in found.hint


@pytest.mark.parametrize("fields", [{}, {"password": Secret("wrong-one")}])
async def test_refused_for_who_we_are(look, target, fields):
    """No password, and a wrong one, which is told nowhere."""
    [found] = await look(accepts_queries, await target("open-sesame", **fields))
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.auth-failed")
    assert "wrong-one" not in f"{found.observed}{found.because}{found.hint}"


async def test_a_database_that_is_not_there(look, target):
    """Its name is told, and that it may be lost data."""
    [found] = await look(accepts_queries, await target(database="orders"))
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.database-missing")
    assert "`orders`" in found.observed
    assert "backup" in found.hint


async def test_a_database_that_is_offline(look, target):
    """Our own is critical, and no restart is planned for it; another one's is a warning."""
    graph = await target(held={"neo4j": "offline", "sales": "online"}, database="neo4j")
    [found] = await look(accepts_queries, graph)
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.not-ready")
    [found] = await look(databases, graph)
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.database-offline")
    assert "sales: online" in found.evidence[0].text
    [found] = await look(databases, await target(held={"neo4j": "online", "sales": "offline"}, database="neo4j"))
    assert (found.status, found.code) == (Status.WARNING, "neo4j.database-offline")


async def test_an_answer_that_is_wrong(look, target, monkeypatch):
    """Whoever cannot count to one is not ready."""
    monkeypatch.setattr(Stub, "_answer", lambda _stub, _query, _database: [{"one": 2}])
    [found] = await look(accepts_queries, await target())
    assert (found.status, found.code) == (Status.CRITICAL, "neo4j.not-ready")


@pytest.mark.parametrize("words", ["SHOW DATABASES", "a right"])
async def test_databases_that_are_not_shown(look, target, monkeypatch, words):
    """Where the server has no such words nothing is wrong; where we may not see them, that is unknown."""
    from paramedic.drills.servers.bolt_stub import Refusal

    code = "Neo.ClientError.Statement.SyntaxError" if words != "a right" else "Neo.ClientError.Security.Forbidden"

    def refuse(_stub: Stub, _query: str, _database: str | None) -> None:
        raise Refusal(code, "no")

    monkeypatch.setattr(Stub, "_answer", refuse)
    [found] = await look(databases, await target())
    assert found.status is (Status.UNKNOWN if words == "a right" else Status.INFO)


@pytest.mark.parametrize("dsn", ["mysql://u@h/d", "neo4j://", "bolt+s://u:se%20cret@h:port/x"])
def test_a_dsn_that_is_none(dsn):
    """Refused without repeating it, for a password may stand in it."""
    with pytest.raises(ValueError, match="the dsn is no address such as") as refused:
        Neo4j(dsn=Secret(dsn))
    assert "cret" not in str(refused.value)


def test_encryption_is_kept():
    """A server is asked itself, as securely as its dsn says."""
    assert Neo4j(dsn=Secret("neo4j+s://u:p@graph.example")).uri == "bolt+s://graph.example:7687"
    assert Neo4j(host="::1").uri == "bolt://[::1]:7687"
