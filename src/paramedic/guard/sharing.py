"""One breaker in several processes: when one opens, all open; trials are counted over all of them.

What is shared is small: per breaker whether it is open, since when, and an edition that grows with every change; and
one row per running trial. The guarded path never touches it while a breaker is closed or open. Publishing and
listening is the watcher's work; only a trial call asks the store for its permit.

A permit is a lease that its process renews. A process that dies or is frozen for `LEASE_S` loses it.
Times are those of the machine's monotonic clock with the machine's boot, or of the Redis server, never of the wall
clock.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.events import GuardEvent, announce

LEASE_S = 5.0
ASK_AGAIN_S = 0.1
"""After a refused permit the store is left alone for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What another process has published."""

    edition: int
    is_open: bool
    forced: bool
    because: str
    opened: float
    """On this process's monotonic clock; long ago if it was before the last boot."""


class Store(Protocol):
    """Where editions and leases live. ``now`` is the store's own time."""

    def read(self) -> dict[str, tuple[int, dict[str, Any], float]]:
        """Per breaker its edition, what was published, and its age in seconds."""

    def write(self, name: str, value: dict[str, Any]) -> int:
        """Publish; the new edition."""

    def lease(self, name: str, permit: str, most: int | None) -> bool:
        """Take a permit if fewer than `most` are out; with ``None`` renew it. False if there is none to have."""

    def release(self, name: str, permit: str) -> None:
        """Give a permit back."""


class Sharing:
    """A process's view of the store."""

    def __init__(self, connect: Callable[[], Store], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self.forked()

    def forked(self) -> None:
        """Open the store anew: a connection must not cross a fork."""
        self._store: Store | None = None
        self._lock = Lock()
        self._unsent: dict[str, dict[str, Any]] = {}
        self._known: dict[str, int] = {}
        self._news: dict[str, Told] = {}
        self._out: dict[str, str] = {}  # permit -> breaker
        self._refused: dict[str, float] = {}
        self._lost = False

    def publish(self, name: str, *, is_open: bool, forced: bool, because: str) -> None:
        """Have the watcher tell the others; asked under a breaker's lock, so it does no more than note it."""
        self._unsent[name] = {"open": is_open, "forced": forced, "because": because}

    def exchange(self) -> None:
        """Tell what is unsent, hear what is new, renew what is out. Trouble with the store is told once."""
        try:
            with self._lock:
                self._exchange(self._opened())
        except Exception as error:  # boundary: sqlite3.Error, OSError, or whatever the Redis client raises
            self._failed(error)
        else:
            self._lost = False

    def _exchange(self, store: Store) -> None:
        while self._unsent:
            name, value = self._unsent.popitem()  # at once: what is published meanwhile is another item
            try:
                self._known[name] = store.write(name, value)
            except BaseException:
                self._unsent.setdefault(name, value)
                raise
        now = self._clock.monotonic()
        for name, (edition, value, age_s) in store.read().items():
            if edition <= self._known.get(name, 0):
                continue
            first_look_closed = name not in self._known and not value["open"]
            self._known[name] = edition
            if not first_look_closed:
                self._news[name] = Told(
                    edition=edition,
                    is_open=bool(value["open"]),
                    forced=bool(value["forced"]),
                    because=str(value["because"]),
                    opened=now - max(0.0, age_s),
                )
        for permit, name in list(self._out.items()):
            store.lease(name, permit, None)

    def news(self, name: str) -> Told | None:
        """What others have published about a breaker since the last question."""
        return self._news.pop(name, None)

    def permit(self, name: str, most: int) -> str | None:
        """A permit for a trial, ``None`` if all are out. Without the store each process counts its own."""
        now = self._clock.monotonic()
        if now < self._refused.get(name, now):
            return None
        permit = f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with self._lock:
                granted = self._opened().lease(name, permit, most)
        except Exception as error:  # boundary: a store in trouble must not close the way to recovery
            self._failed(error)
            return permit
        if not granted:
            self._refused[name] = now + ASK_AGAIN_S
            return None
        self._out[permit] = name
        return permit

    def give_back(self, name: str, permit: str | None) -> None:
        """A trial has ended."""
        if permit is None or self._out.pop(permit, None) is None:
            return
        try:
            with self._lock:
                self._opened().release(name, permit)
        except Exception as error:  # boundary: the lease runs out by itself
            self._failed(error)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._connect()
        return self._store

    def _failed(self, error: Exception) -> None:
        self._store = None
        if not self._lost:
            self._lost = True
            because = f"the shared state cannot be reached: {error}"
            announce(
                GuardEvent(
                    guard="breaker", name="*", kind="sharing_lost", at=iso(self._clock.wall()) or "", because=because
                )
            )


class SqliteStore:
    """An SQLite file on this machine."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._boot = _boot()
        self._db = sqlite3.connect(path, timeout=0.25, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS breakers (name TEXT PRIMARY KEY, edition INTEGER NOT NULL, "
            "value TEXT NOT NULL, at REAL NOT NULL, boot TEXT NOT NULL)"
        )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS trials (permit TEXT PRIMARY KEY, name TEXT NOT NULL, until REAL NOT NULL, "
            "boot TEXT NOT NULL)"
        )
        self._version: int | None = None
        """SQLite's number for what others wrote; our own writes do not change it."""
        self._rows: dict[str, tuple[int, dict[str, Any], float, str]] = {}

    def read(self) -> dict[str, tuple[int, dict[str, Any], float]]:
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            rows = self._db.execute("SELECT name, edition, value, at, boot FROM breakers").fetchall()
            self._rows = {name: (edition, json.loads(value), at, boot) for name, edition, value, at, boot in rows}
            self._version = version
        now = self._clock.monotonic()
        return {
            name: (edition, value, now - at if boot == self._boot else float("inf"))
            for name, (edition, value, at, boot) in self._rows.items()
        }

    def write(self, name: str, value: dict[str, Any]) -> int:
        row = (name, json.dumps(value), self._clock.monotonic(), self._boot)
        self._version = None
        edition = self._db.execute(
            "INSERT INTO breakers (name, edition, value, at, boot) VALUES (?, 1, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET edition = edition + 1, value = excluded.value, at = excluded.at, boot = excluded.boot "
            "RETURNING edition",
            row,
        ).fetchone()[0]
        return int(edition)

    def lease(self, name: str, permit: str, most: int | None) -> bool:
        now = self._clock.monotonic()
        until = now + LEASE_S
        if most is None:
            changed = self._db.execute("UPDATE trials SET until = ? WHERE permit = ?", (until, permit))
            return changed.rowcount == 1
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM trials WHERE until < ? OR boot <> ?", (now, self._boot))
            out = self._db.execute("SELECT count(*) FROM trials WHERE name = ?", (name,)).fetchone()[0]
            granted = bool(out < most)
            if granted:
                self._db.execute("INSERT INTO trials VALUES (?, ?, ?, ?)", (permit, name, until, self._boot))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()  # where SQLite has not done so itself, as on a full disk
            raise
        return granted

    def release(self, name: str, permit: str) -> None:
        self._db.execute("DELETE FROM trials WHERE permit = ? AND name = ?", (permit, name))


class RedisStore:
    """A Redis server, by a client that the caller passes in (redis-py or one that has its ``eval`` and ``hgetall``)."""

    _TIME = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
    _WRITE = _TIME + (
        "local e = redis.call('HINCRBY', KEYS[2], ARGV[1], 1) "
        "redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({name = ARGV[1], edition = e, value = ARGV[2], at = now})) "
        "return e"
    )
    _READ = _TIME + "return {tostring(now), redis.call('HVALS', KEYS[1])}"
    _LEASE = _TIME + (
        "local most = tonumber(ARGV[2]) redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) "
        "if most and redis.call('ZCARD', KEYS[1]) >= most then return 0 end "
        "if not most and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end "
        "redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1]) return 1"
    )

    def __init__(self, client: Any, prefix: str = "paramedic:guard") -> None:  # Any: any client with `eval` and `zrem`
        self._client = client
        self._prefix = prefix

    def read(self) -> dict[str, tuple[int, dict[str, Any], float]]:
        now, values = self._client.eval(self._READ, 1, f"{self._prefix}:breakers")
        found = {}
        for value in map(json.loads, values):
            found[value["name"]] = (int(value["edition"]), json.loads(value["value"]), float(now) - float(value["at"]))
        return found

    def write(self, name: str, value: dict[str, Any]) -> int:
        keys = (f"{self._prefix}:breakers", f"{self._prefix}:editions")
        return int(self._client.eval(self._WRITE, 2, *keys, name, json.dumps(value)))

    def lease(self, name: str, permit: str, most: int | None) -> bool:
        key = f"{self._prefix}:trials:{name}"
        return bool(self._client.eval(self._LEASE, 1, key, permit, "" if most is None else most, LEASE_S))

    def release(self, name: str, permit: str) -> None:
        self._client.zrem(f"{self._prefix}:trials:{name}", permit)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def sharing(given: Any, clock: Clock = SYSTEM) -> Sharing:  # Any: a path, a Redis client or a Sharing
    """What a breaker's ``shared`` means: a path of an SQLite file, a Redis client, or a `Sharing` of your own."""
    if isinstance(given, Sharing):
        return given
    if isinstance(given, str | os.PathLike):
        path = Path(given).absolute()  # a daemon changes its folder later
        return Sharing(lambda: SqliteStore(path, clock), clock)
    if hasattr(given, "eval"):
        if hasattr(given, "__aenter__"):
            raise ValueError(
                "`shared` needs a Redis client that answers at once, `redis.Redis`, not an asynchronous one"
            )
        return Sharing(lambda: RedisStore(given), clock)
    raise ValueError("`shared` is the path of an SQLite file or a Redis client")
