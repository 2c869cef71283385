"""The checks of Redis on a real server."""

import shutil
import socket
import sys
import threading
from contextlib import suppress

import pytest
import redis

from paramedic.packs.redis.checks import accepts_commands
from paramedic.packs.redis.memory import memory
from paramedic.packs.redis.persistence import persistence
from paramedic.packs.redis.replication import replication
from paramedic.packs.redis.target import Redis
from paramedic.sdk import Secret, Status

ALL = (accepts_commands, memory, persistence, replication)


def nobody_there() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer_once(listener: socket.socket, said: bytes) -> threading.Thread:
    """Say this to the first caller."""

    def answer() -> None:
        caller, _ = listener.accept()
        with caller:
            caller.recv(1000)
            caller.sendall(said)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


async def test_healthy(look, server):
    """A server that answers is well by every check, and nothing is left behind."""
    target = Redis(dsn=Secret(f"redis://127.0.0.1:{server.port}/0"))
    for spec in ALL:
        [found] = await look(spec, target)
        assert (found.status, found.code) == (Status.OK, None), found
    [found] = await look(accepts_commands, target)
    assert 0 < found.measures["latency_ms"] < 5000
    server.until(lambda client: len(client.client_list()) == 1)
    with server.client() as client:
        assert client.dbsize() == 0


async def test_parts_instead_of_a_dsn(look, server):
    """Host, port and the number of a database may be given one by one."""
    [found] = await look(accepts_commands, Redis(port=server.port, database=3))
    assert found.status is Status.OK


async def test_nobody_listens(look):
    """A closed port is a refusal; the other checks say that they did not look."""
    gone = Redis(port=nobody_there())
    [found] = await look(accepts_commands, gone)
    assert (found.status, found.code) == (Status.CRITICAL, "redis.refused")
    for spec in ALL[1:]:
        [found] = await look(spec, gone)
        assert (found.status, found.code) == (Status.INFO, None)
        assert "not looked at" in found.observed


async def test_a_server_that_says_nothing(look):
    """Accepted and then silent: a time-out, within the check's own time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [found] = await look(accepts_commands, Redis(port=silent.getsockname()[1]), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "redis.timeout")


async def test_something_else_listens(look):
    """Whoever answers in another language lets nobody in."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = answer_once(other, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        [found] = await look(accepts_commands, Redis(port=other.getsockname()[1]))
        thread.join()
    assert (found.status, found.code) == (Status.CRITICAL, "redis.not-ready")


async def test_a_name_without_an_address(look):
    """The host's name is the trouble, not the server."""
    [found] = await look(accepts_commands, Redis(host="cache.invalid"))
    assert found.code == "dns.unresolved"


async def test_no_client(look, server, monkeypatch):
    """Without the extra nothing is known, and the hint names it."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "redis"]:
        monkeypatch.setitem(sys.modules, name, None)
    for spec in ALL:
        [found] = await look(spec, Redis(port=server.port))
        assert found.status is Status.UNKNOWN
        assert "paramedic[redis]" in found.hint


@pytest.mark.parametrize("login", ["", ":wrong-one@", "nobody:x@"])
async def test_refused_for_who_we_are(look, own, login):
    """No password, a wrong one, and a user that is not there; the password is in no finding."""
    closed = own()
    with closed.client() as client:
        client.config_set("requirepass", "open-sesame")
    [found] = await look(accepts_commands, Redis(dsn=Secret(f"redis://{login}127.0.0.1:{closed.port}")))
    assert (found.status, found.code) == (Status.CRITICAL, "redis.auth-failed")
    assert "wrong-one" not in f"{found.observed}{found.because}{found.hint}"
    [found] = await look(accepts_commands, Redis(dsn=Secret(f"redis://:open-sesame@127.0.0.1:{closed.port}")))
    assert found.status is Status.OK


async def test_a_user_with_few_rights(look, client, server):
    """Whoever may not ping has an answer all the same; what may not be seen is unknown and never the server's fault."""
    client.execute_command("ACL", "SETUSER", "shop", "on", ">pw", "~*", "+get")
    target = Redis(port=server.port, user="shop", password=Secret("pw"))
    [found] = await look(accepts_commands, target)
    assert found.status is Status.OK
    for spec in ALL[1:]:
        [found] = await look(spec, target)
        assert found.status is Status.UNKNOWN
        assert "+info" in found.hint


async def test_it_reads_its_data(look, own):
    """While a snapshot is read nobody is served, and nothing is wrong but that."""
    loading = own()
    with loading.client() as client:
        client.config_set("rdbcompression", "no")
        client.execute_command("DEBUG", "POPULATE", "2000", "key", "10000")
        client.save()
    loading.options = (*loading.options, "--key-load-delay", "2000")  # microseconds
    loading.start_again()

    def is_loading(client: redis.Redis) -> bool:
        try:
            return not client.ping()
        except redis.exceptions.BusyLoadingError:
            return True

    loading.until(is_loading)
    [found] = await look(accepts_commands, Redis(port=loading.port))
    assert (found.status, found.code) == (Status.CRITICAL, "redis.loading")


async def test_no_connection_left(look, own):
    """The service is refused for the number of the others."""
    full = own()
    with full.client() as client:
        client.config_set("maxclients", 1)
        [found] = await look(accepts_commands, Redis(port=full.port))
    assert (found.status, found.code) == (Status.CRITICAL, "redis.connections-exhausted")


async def test_a_slow_command_delays_all(look, server, client):
    """The slow log names it, without the values that it was given; forbidden, it explains nothing and harms nothing."""
    client.config_set("slowlog-log-slower-than", 1000)
    busy = "local n = redis.call('TIME') repeat local t = redis.call('TIME') until t[2] - n[2] > 5000 or t[1] > n[1]"
    client.eval(busy, 0, "top-secret")
    client.execute_command("ACL", "SETUSER", "quick", "on", ">pw", "~*", "+ping")
    none_at_all = {"latency_ms": 0}
    [found] = await look(accepts_commands, Redis(port=server.port), thresholds=none_at_all)
    assert (found.status, found.code) == (Status.WARNING, "redis.latency")
    assert "EVAL" in found.because
    assert "top-secret" not in found.evidence[0].text
    [found] = await look(
        accepts_commands, Redis(port=server.port, user="quick", password=Secret("pw")), thresholds=none_at_all
    )
    assert (found.status, found.because) == (Status.WARNING, "")


def fill(client: redis.Redis) -> None:
    """Write until nothing more is taken."""
    with suppress(redis.exceptions.OutOfMemoryError):
        while True:
            client.rpush("list", "x" * 10_000)


async def test_no_memory_left(look, own):
    """Full, and nothing may go: writes are refused. Nearly full is a warning; what may evict is well."""
    small = own("--maxmemory", "8mb")
    target = Redis(port=small.port)
    with small.client() as client:
        [found] = await look(memory, target)
        assert found.status is Status.OK
        [found] = await look(memory, target, thresholds={"memory_percent": 1})
        assert (found.status, found.code) == (Status.WARNING, "redis.memory")
        fill(client)
        [found] = await look(memory, target)
        assert (found.status, found.code) == (Status.CRITICAL, "redis.memory")
        assert "noeviction" in found.because
        client.config_set("maxmemory-policy", "volatile-lru")
        [found] = await look(memory, target)
        assert found.status is Status.CRITICAL, "no key has an expiry, so nothing may go"
        client.config_set("maxmemory-policy", "allkeys-lru")
        [found] = await look(memory, target)
        assert found.status is Status.OK
        for number in range(2000):
            client.set(f"more-{number}", "x" * 10_000)
        [found] = await look(memory, target, thresholds={"evictions_per_s": 1}, looks_again=True)
        assert (found.status, found.code) == (Status.WARNING, "redis.memory")
        assert "keys a second away" in found.observed


async def test_memory_without_a_limit(look, server):
    """Measured against the machine's memory."""
    [found] = await look(memory, Redis(port=server.port), thresholds={"memory_percent": 0.000001})
    assert (found.status, found.code) == (Status.WARNING, "redis.memory")
    assert "maxmemory" in found.because


async def test_a_snapshot_that_fails(look, own):
    """Its folder is gone: writes are refused; once it can save again all is well."""
    homeless = own()
    away = homeless.folder / "away"
    away.mkdir()
    target = Redis(port=homeless.port)
    with homeless.client() as client:
        client.config_set("save", "3600 1000000")
        client.config_set("dir", str(away))
        shutil.rmtree(away)
        client.set("a", 1)
        client.bgsave()
        homeless.until(lambda client: client.info()["rdb_last_bgsave_status"] == "err")
        with pytest.raises(redis.exceptions.ResponseError, match="MISCONF"):
            client.set("a", 2)
        [found] = await look(persistence, target)
        assert (found.status, found.code) == (Status.CRITICAL, "redis.persistence")
        assert "MISCONF" in found.observed
        client.config_set("stop-writes-on-bgsave-error", "no")
        [found] = await look(persistence, target)
        assert (found.status, found.code) == (Status.WARNING, "redis.persistence")
        client.config_set("dir", str(homeless.folder))
        client.save()
        [found] = await look(persistence, target)
        assert found.status is Status.OK


async def test_an_old_snapshot(look, own):
    """Only where the service file says how old one may be, and only with changes since."""
    old = own()
    target = Redis(port=old.port)
    limit = {"snapshot_age_s": 0.001}
    [found] = await look(persistence, target, thresholds=limit)
    assert found.status is Status.OK
    with old.client() as client:
        client.set("a", 1)
        old.until(lambda client: client.time()[0] > client.info()["rdb_last_save_time"])
    [found] = await look(persistence, target, thresholds=limit)
    assert (found.status, found.code) == (Status.WARNING, "redis.persistence")
    [found] = await look(persistence, target)
    assert found.status is Status.OK


async def test_a_replica(look, own):
    """Where writes are wanted it is the wrong one; on purpose it is well while it hears its primary."""
    primary, copy = own(), own()
    with copy.client() as client:
        client.replicaof("127.0.0.1", primary.port)
    copy.until(lambda client: client.info()["master_link_status"] == "up")
    [found] = await look(replication, Redis(port=copy.port))
    assert (found.status, found.code) == (Status.CRITICAL, "redis.read-only")
    assert str(primary.port) in found.because
    on_purpose = Redis(port=copy.port, replica=True)
    [found] = await look(replication, on_purpose)
    assert found.status is Status.OK
    primary.stop()
    copy.until(lambda client: client.info()["master_link_status"] == "down")
    [found] = await look(replication, on_purpose)
    assert (found.status, found.code) == (Status.WARNING, "redis.replica-link-down")


@pytest.mark.parametrize("dsn", ["mysql://u@h/d", "redis://", "redis://u:se%20cret@h:port/x", "redis://:cret@h/name"])
def test_a_dsn_that_is_none(dsn):
    """Refused without repeating it, for a password may stand in it."""
    with pytest.raises(ValueError, match="the dsn") as refused:
        Redis(dsn=Secret(dsn))
    assert "cret" not in str(refused.value)
