"""MariaDB's and MySQL's own programs on this machine: what dumps a database, and what loads a dump."""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paramedic.packs.mysql.target import MySQL
from paramedic.sdk.dsn import Login
from paramedic.sdk.saving import BackupFailed

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/bin:/usr/local/bin:/usr/local/mysql/bin"
_NAMES = {"dump": ("mariadb-dump", "mysqldump"), "client": ("mariadb", "mysql")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One of them, and whose it is: they differ in some options."""

    path: Path
    is_mariadb: bool


def program(what: str, *, for_mariadb: bool) -> Program:
    """The one of the server's own make, else the other, which mostly does.

    Args:
        what: ``dump`` or ``client``.
        for_mariadb: whether the server is a MariaDB.

    Raises:
        BackupFailed: neither is installed; says what to install.
    """
    paths = [Path(each) for name in _NAMES[what] if (each := shutil.which(name, path=_PATH))]
    found = [Program(path=each, is_mariadb=_is_mariadb(each)) for each in paths]
    if not found:
        names = " or ".join(f"`{each}`" for each in _NAMES[what])
        raise BackupFailed(
            f"{names} is needed, and neither is installed (hint: Debian's package is `mariadb-client`, MySQL's own is "
            "`mysql-client`)"
        )
    return next((each for each in found if each.is_mariadb is for_mariadb), found[0])


def run(
    program: Program,
    arguments: Sequence[str],
    target: MySQL,
    login: Login,
    limit_s: float,
    *,
    reads: Path | bytes | None = None,
    writes: Path | None = None,
) -> bytes:
    """Run one to its end; returns what it printed, unless that goes into a file. The password is not on its line.

    Raises:
        BackupFailed: with its own words.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL_")}
    if login.password:
        environment["MYSQL_PWD"] = login.password.reveal()
    where = [f"--host={login.host}", f"--port={login.port}", "--protocol=TCP"]
    whom = [f"--user={login.user}"] if login.user else []
    command: list[str | Path] = [
        program.path,
        "--no-defaults",
        *where,
        *whom,
        *_tls(program, target),
        *arguments,
    ]
    try:
        with (
            reads.open("rb") if isinstance(reads, Path) else tempfile.TemporaryFile() as source,
            Path(writes or os.devnull).open("wb") as sink,
        ):
            if isinstance(reads, bytes):
                source.write(reads)
                source.seek(0)
            done = subprocess.run(
                command,
                stdin=source,
                stdout=sink if writes else subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=limit_s,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise BackupFailed(f"`{program.path.name}` took longer than {limit_s:.0f} s") from None
    except OSError as error:
        raise BackupFailed(f"`{program.path.name}` could not be run: {error.strerror}") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        # the client shows the whole statement first
        said = [each for each in lines if each.startswith("ERROR")] or [each for each in lines if _is_error(each)]
        told = said[0] if said else f"nothing, and ended with {done.returncode}"
        raise BackupFailed(f"`{program.path.name}` says: {told}")
    return done.stdout or b""


def _tls(program: Program, target: MySQL) -> Sequence[str]:
    if program.is_mariadb:
        if not target.tls:
            return ("--skip-ssl",)
        return ("--ssl", "--ssl-verify-server-cert", *_authorities())
    if not target.tls:
        return ("--ssl-mode=DISABLED", "--get-server-public-key")
    return ("--ssl-mode=VERIFY_IDENTITY", *_authorities())


def _authorities() -> Sequence[str]:
    file = ssl.get_default_verify_paths().cafile
    return (f"--ssl-ca={file}",) if file else ()


def _is_error(line: str) -> bool:
    return bool(line.strip()) and not re.match(r"(?i)(mysqldump: |mysql: |mariadb.*: )?\[?warning", line)


@cache
def _is_mariadb(program: Path) -> bool:
    try:
        said = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "mariadb" in said.lower()
