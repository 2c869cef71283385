"""The machine's own MariaDB, kept by a parent that lives on when the server dies.

Usage: ``python -m paramedic.drills.servers.mariadb DIRECTORY PORT [OPTION…]``. The data directory is made at the first
start; ``root`` enters from this machine without a password. The parent's signals are those of ``keeper``.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from paramedic.drills.servers.keeper import keep

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def program(name: str = "mariadbd") -> str | None:
    """Where ``mariadbd`` (or another of its programs) is; ``None`` where MariaDB is not installed."""
    return shutil.which(name, path=_PATH)


def absent() -> str | None:
    """What is missing for a server of our own; ``None`` where nothing is."""
    if program() and program("mariadb-install-db"):
        return None
    return "MariaDB is not installed (Debian's package is `mariadb-server`)"


def start(folder: Path, port: int, *options: str) -> "subprocess.Popen[bytes]":
    """Start a server that listens on this machine alone; its data directory is made where there is none."""
    data, scratch = folder.resolve() / "data", folder.resolve() / "tmp"
    # As root it would refuse to run. When it starts it removes what other servers have in the same `tmpdir`.
    common = ["--no-defaults", *(["--user=nobody"] if os.geteuid() == 0 else []), f"--tmpdir={scratch}"]
    if not (data / "mysql").exists():
        scratch.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            shutil.chown(scratch, "nobody")
            for above in folder.resolve().parents:
                above.chmod(above.stat().st_mode | 0o011)
        subprocess.run(
            [
                program("mariadb-install-db") or "mariadb-install-db",
                *(*common, f"--datadir={data}"),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return subprocess.Popen(
        [
            program() or "mariadbd",
            *(*common, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1"),
            *("--socket=server.sock", f"--pid-file={data}/server.pid"),  # the socket's path is taken from the data
            *("--max-connections=12", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"),
            *options,
        ]
    )


if __name__ == "__main__":
    keep(start(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
