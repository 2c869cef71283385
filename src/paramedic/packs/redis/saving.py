"""Backups of a Redis: the snapshot that a replica would get, proved by loading it into a server of our own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic.packs.redis.receiving import receive
from paramedic.packs.redis.scratch import keys_of, loaded, server_program
from paramedic.packs.redis.target import Redis
from paramedic.sdk.saving import Backup, BackupFailed, Saved

if TYPE_CHECKING:
    from redis import Redis as Client

_DUMP, _VERSION = "dump.rdb", "version.txt"
_MARKED_S = 86_400
_TOGETHER = 1000


def _create(target: Redis, folder: Path, limit_s: float) -> Saved:
    with _entered(target, limit_s) as client:
        told = client.info("server")
        assert isinstance(told, dict)
    version = str(told.get("valkey_version", told.get("redis_version", "unknown")))
    receive(target, folder / _DUMP, limit_s)
    (folder / _VERSION).write_text(version)
    holds: dict[str, int] = {}
    if server_program() is not None:
        with _loaded(folder, limit_s) as copy:
            holds = keys_of(copy)
    return Saved(
        method="the snapshot that a replica gets",
        versions={"redis": version},
        holds=holds,
        notes=("users and settings of the server are not in it",),
    )


def _verify(target: Redis, folder: Path, scratch: Path, holds: Mapping[str, int], limit_s: float) -> str:  # noqa: ARG001  # the shape of the hook
    dump = folder / _DUMP
    with dump.open("rb") as file:
        if file.read(5) != b"REDIS":
            raise BackupFailed("it does not begin like a snapshot of Redis")
    if server_program() is None:
        return "its beginning is right, but it was not loaded: there is no `redis-server` on this machine"
    with _loaded(folder, limit_s) as copy:
        found = keys_of(copy)
    # keys may expire between two loads, and none can come
    if any(found.get(name, 0) > count for name, count in holds.items()) or set(found) - set(holds):
        raise BackupFailed("loaded, it holds other keys than were saved")
    return f"loaded; {sum(found.values())} keys in {len(found)} databases"


def _lost(target: Redis, folder: Path, origins: Mapping[str, Path], limit_s: float) -> Sequence[str]:  # noqa: ARG001  # the shape of the hook
    told = []
    try:
        with _loaded(folder, limit_s) as copy, _entered(target, limit_s) as client:
            for name in sorted({*keys_of(client), *keys_of(copy)}):
                now, then = _names(client, name), _names(copy, name)
                if now - then:
                    told.append(f"{name}: {len(now - then)} keys that came since")
                if then - now:
                    told.append(f"{name}: deletions: {len(then - now)} keys come back")
                if now & then:
                    told.append(f"{name}: what was changed in the other {len(now & then)} keys since, if anything")
    except BackupFailed as error:
        return (f"whatever was written since the backup: what is there now cannot be compared ({error})",)
    return told


class PutBack:
    """Every key in one transaction: others see the old keys or the new ones."""

    def foresee(self, target: Redis, limit_s: float) -> str | None:
        if server_program() is None:
            return "there is no `redis-server` on this machine that could load the backup"
        try:
            with _entered(target, limit_s) as client:
                told = client.info()
                assert isinstance(told, dict)
        except BackupFailed as error:
            return str(error)
        if told.get("cluster_enabled"):
            return "it is a part of a cluster, where keys of several servers belong together"
        return "it is a replica; restore its master" if told.get("role") != "master" else None

    def apply(self, target: Redis, folder: Path, token: str, limit_s: float) -> str:
        with _loaded(folder, limit_s) as copy, _entered(target, limit_s) as client:
            if client.exists(_mark(token)):
                return "it was restored already"
            databases = keys_of(copy)
            _try_one(copy, client, databases, token)
            count = 0
            # a transaction is sent whole or not at all; the one key of ours tells afterwards that it was
            with client.pipeline(transaction=True) as line:
                for name in sorted({*databases, *keys_of(client)}):
                    _select(line, _number(name))
                    line.flushdb()
                    for key, ttl_ms, value in _values(copy, name):
                        line.restore(key, ttl_ms, value, replace=True)
                        count += 1
                _select(line, int(target.login.database or 0))
                line.set(_mark(token), "1", ex=_MARKED_S)
                answers = line.execute(raise_on_error=False)
        if failed := [each for each in answers if isinstance(each, Exception)]:
            raise BackupFailed(f"{len(failed)} of {count} keys could not be restored: {failed[0]}")
        return f"{count} keys were put in place of what was there"

    def happened(self, target: Redis, token: str, limit_s: float) -> bool | None:
        try:
            with _entered(target, limit_s) as client:
                return bool(client.exists(_mark(token)))
        except BackupFailed:
            return None


def _try_one(copy: "Client", client: "Client", databases: Mapping[str, int], token: str) -> None:
    """One value first: a server that does not understand ours must refuse before anything is flushed."""
    from redis.exceptions import ResponseError

    for name in databases:
        for _, _, value in _values(copy, name):
            try:
                client.restore(f"{_mark(token)}:try", 1000, value, replace=True)
            except ResponseError as error:
                raise BackupFailed(
                    f"the server does not take what it is given, and nothing was done: {error}"
                ) from None
            client.delete(f"{_mark(token)}:try")
            return


def _values(copy: "Client", name: str) -> Iterator[tuple[bytes, int, bytes]]:
    names = sorted(_names(copy, name))
    _select(copy, _number(name))
    for at in range(0, len(names), _TOGETHER):
        some = names[at : at + _TOGETHER]
        with copy.pipeline(transaction=False) as line:
            for key in some:
                line.pttl(key)
                line.dump(key)
            answers = line.execute()
        for key, ttl_ms, value in zip(some, answers[::2], answers[1::2], strict=True):
            if value is not None:  # else it has just expired
                yield key, max(0, int(ttl_ms)), value


def _names(client: "Client", name: str) -> set[bytes]:
    _select(client, _number(name))
    return set(client.scan_iter(count=_TOGETHER))


def _loaded(folder: Path, limit_s: float) -> "AbstractContextManager[Client]":
    try:
        like = (folder / _VERSION).read_text()
    except OSError:
        like = ""
    return loaded(folder / _DUMP, like, limit_s)


def _select(client: "Client", number: int) -> None:
    client.execute_command("SELECT", number)  # type: ignore[no-untyped-call]  # the library's own lack


def _number(name: str) -> int:
    return int(name.removeprefix("db"))


def _mark(token: str) -> str:
    return f"paramedic:restored:{token}"


@contextmanager
def _entered(target: Redis, limit_s: float) -> "Iterator[Client]":
    try:
        from redis import Redis as Client
        from redis.exceptions import RedisError
    except ImportError:
        raise BackupFailed("the client `redis` is not installed (hint: `pip install paramedic[redis]`)") from None
    login = target.login
    client = None
    try:
        client = Client(
            host=login.host,
            port=login.port,
            db=int(login.database or 0),
            username=login.user,
            password=login.password.reveal() if login.password else None,
            ssl=login.scheme.partition("+")[0] in ("rediss", "valkeys"),
            protocol=2,
            socket_connect_timeout=10,
            socket_timeout=limit_s,
            single_connection_client=True,
        )
        yield client
    except RedisError as error:
        raise BackupFailed(f"`{login.place}` says: {' '.join(str(error).split()) or type(error).__name__}") from None
    finally:
        if client is not None:
            client.close()


def _size(target: Redis) -> int:
    with suppress(BackupFailed), _entered(target, 10.0) as client:
        told = client.info("memory")
        return int(told["used_memory"]) // 2 if isinstance(told, dict) else 0
    return 0


backup = Backup(create=_create, verify=_verify, lost=_lost, size=_size, put_back=PutBack())
