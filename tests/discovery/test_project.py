"""What the files of a folder tell, hostile ones included."""

import sqlite3
from pathlib import Path

from paramedic.discovery.project import read_project
from paramedic.discovery.table import load_table

TABLE = load_table()


def test_a_whole_project(tmp_path: Path) -> None:
    """Environment, compose, Procfile, configuration, databases, packages, name."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (tmp_path / ".env").write_text("REDIS_URL=redis://:topsecret1@localhost/0\nAPI_TOKEN=abcdef123456\nPATH_X=/x\n")
    (tmp_path / "compose.yaml").write_text(
        'services:\n  db: {ports: ["5432:5432"]}\n  web: {ports: ["127.0.0.1:8080:80/tcp", {published: 9}, 7]}\n  q: {}\n'
    )
    (tmp_path / "Procfile").write_text("# x\nweb: gunicorn shop\nworker: python worker.py\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "a.yaml").write_text("a: 1")
    sqlite3.connect(tmp_path / "shop.db").execute("create table t (id)")
    (tmp_path / "not.db").write_text("no database")
    found = read_project(tmp_path, TABLE)
    assert found.name == "shop"
    assert [(each.variable, each.port) for each in found.addresses] == [("REDIS_URL", 6379)]
    assert found.compose == {"db": (5432,), "web": (8080, 9), "q": ()}
    assert found.procfile == {"web": "gunicorn shop", "worker": "python worker.py"}
    assert found.configuration == (tmp_path / "config" / "a.yaml",)
    assert found.databases == (tmp_path / "shop.db",)
    assert {"topsecret1", "abcdef123456"} <= set(found.secrets)


def test_a_package_gives_its_name(tmp_path: Path) -> None:
    """Where there is no Python project."""
    (tmp_path / "package.json").write_text('{"name": "bot"}')
    assert read_project(tmp_path, TABLE).name == "bot"


def test_hostile_files_tell_nothing(tmp_path: Path) -> None:
    """Nothing is raised, whatever stands in them."""
    for name in ("pyproject.toml", "package.json", "compose.yaml", "Procfile", ".env"):
        (tmp_path / name).write_bytes(b"\x00\xff[[[{{{: &a *a\n" * 100)
    (tmp_path / "x.db").mkdir()
    found = read_project(tmp_path, TABLE)
    assert (found.name, found.compose, found.databases) == (None, {}, ())
    assert read_project(tmp_path / "nowhere", TABLE).environment == ()
