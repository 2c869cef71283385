"""Of all that runs on a machine, a folder has what lives in it, uses it, or is needed by that."""

import os
from pathlib import Path

from paramedic.discovery import divided, load_table
from paramedic.discovery.owners import Owned
from paramedic.discovery.processes import Seen, names_of
from paramedic.discovery.project import read_project
from paramedic.discovery.scene import Part
from paramedic.discovery.sockets import Door

TABLE = load_table()


def part(line: str, port: int, cwd: str | Path = "/", **more) -> Part:
    command = tuple(line.split(" "))
    process = Seen(pid=port, parent=1, uid=os.geteuid(), command=command, names=names_of(command), cwd=Path(cwd))
    door = Door(host="127.0.0.1", port=port, uid=0, socket="")
    return Part(process=process, uid=0, doors=(door,), known=TABLE.by_program(process.names), **more)


def mine(parts: list[Part], folder: Path) -> set[int]:
    own, others = divided(parts, read_project(folder, TABLE))
    assert len(own) + len(others) == len(parts)
    return {each.doors[0].port for each in own}


def test_what_belongs_to_a_folder(tmp_path: Path) -> None:
    """By where it runs, where its program lies, what it has open, and who declares it; and what these need."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "a.yaml").write_text("vectors: http://localhost:106/v1\n")
    (tmp_path / ".env").write_text("QUEUE_URL=redis://127.0.0.1:107/0\nFAR=redis://db.example:108/0\n")
    (tmp_path / "compose.yaml").write_text('services: {cache: {ports: ["109:6379"]}, db: {}}\n')
    parts = [
        part("python app.py", 101, tmp_path, needs=frozenset({105})),
        part(f"{tmp_path}/.venv/bin/backend", 102),
        part("backend", 103, opened=frozenset({tmp_path / "shop.db"})),
        part("postgres", 104, owner=Owned(manager="compose", unit="db")),
        *(part("python other.py", port, "/srv/other") for port in (105, 106, 107, 108, 109, 110)),
        Part(process=None, uid=0, doors=(Door(host="0.0.0.0", port=111, uid=0, socket=""),)),  # no process
    ]
    assert mine(parts, tmp_path) == {101, 102, 103, 104, 105, 106, 107, 109}


def test_where_nothing_belongs_to_it(tmp_path: Path) -> None:
    """A project that does not run is offered well-known servers; an empty folder, everything."""
    parts = [part("redis-server *:1", 1), part("python other.py", 2, "/srv/other"), part("node x.js", 3, "/srv/x")]
    assert mine(parts, tmp_path) == {1, 2, 3}
    (tmp_path / "requirements.txt").touch()
    assert mine(parts, tmp_path) == {1}


def test_a_home_is_the_whole_machine() -> None:
    """What happens to be below it tells nothing."""
    parts = [part("redis-server *:1", 1), part("python a.py", 2, Path.home() / "a")]
    assert mine(parts, Path.home()) == {1, 2}
