"""What could start a process again is told as it runs, without secrets, and never as if it were sure."""

import json
import os
from pathlib import Path

from ruamel.yaml import YAML

from paramedic.discovery.owners import Owned
from paramedic.discovery.processes import Seen, names_of
from paramedic.discovery.restarting import advice
from paramedic.discovery.scene import Part


def told(command: tuple[str, ...], folder: Path, *, cwd: Path | None = None, secrets=(), **more) -> list[str]:
    process = Seen(pid=1, parent=0, uid=os.geteuid(), command=command, names=names_of(command), cwd=cwd or folder)
    return list(advice(Part(process=process, uid=0, **more), folder, secrets))[1:]


def test_a_command_line_is_told_as_a_list(tmp_path: Path) -> None:
    """With the folder where it is another; whoever has an owner needs nothing."""
    words = ("python", "-m", "shop", "a b", "${X}")
    assert told(words, tmp_path) == [
        'process: {command: ["python", "-m", "shop", "a b", "$${X}"]}',
        "owner: {systemd: NAME}",
    ]
    assert told(("a",), tmp_path, cwd=tmp_path / "in")[0] == 'process: {command: ["a"], cwd: "in"}'
    assert not told(words, tmp_path, owner=Owned(manager="runit", unit="x"))


def test_no_secret_is_told(tmp_path: Path) -> None:
    """Joined or apart, known or only named so."""
    words = (
        "app",
        "--api-key",
        "k1-abcdef",
        "--token=t2-abcdef",
        "--name",
        "x",
        "z3-abcdef-known",
        "postgres://u:p4secret@h/d",
    )
    line, note, _ = told(words, tmp_path, secrets=("z3-abcdef-known",))
    shown = json.loads(line.removeprefix("process: {command: ").removesuffix("}"))
    assert shown == ["app", "--api-key", "***", "--token=***", "--name", "x", "***", "***"]
    assert "`" not in note
    assert "secret" in note


def test_a_title_is_no_command(tmp_path: Path) -> None:
    """Redis shows where it listens instead of how it was started."""
    for title, program in (("bin/redis-server 127.0.0.1:6399", "bin/redis-server"), ("nginx: master process", "nginx")):
        line = told((title, "", ""), tmp_path)[0]
        assert line.startswith(f'process: {{command: ["{program}", ...]}}  # as it is started; it shows a title')
        assert YAML(typ="safe").load(line) == {"process": {"command": [program, "..."]}}
    assert told(("a\x1b[31m",), tmp_path)[0] == "process: {command: [...]}  # as it is started"


def test_a_unit_file_of_the_project_gives_its_name(tmp_path: Path) -> None:
    """The one that starts this command line, whatever stands before its program."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "chat.service").write_text("[Service]\nExecStart=-/srv/.venv/bin/uvicorn app.main:app\n")
    (tmp_path / "a.service").write_text("[Service]\nExecStart=/usr/bin/other 'x\n")
    words = ("/srv/.venv/bin/python3.11", ".venv/bin/uvicorn", "app.main:app")
    line = told(words, tmp_path)[-1]
    assert line == 'owner: {systemd: "chat"}  # if deploy/chat.service is installed'
    assert YAML(typ="safe").load(line) == {"owner": {"systemd": "chat"}}
