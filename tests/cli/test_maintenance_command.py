"""`paramedic maintenance` without a watch, and what is no maintenance."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from paramedic.cli.main import main

SERVICE = """
service: shop
components:
  api: {kind: tcp, host: 127.0.0.1, port: 1, depends_on: [db]}
  db: {kind: tcp, host: 127.0.0.1, port: 2}
maintenance:
  - {every: day 00:00, for: 24h, components: [api], reason: always}
"""
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def shop(home: Path) -> Path:
    (home / "paramedic.yaml").write_text(SERVICE)
    return home


@pytest.mark.parametrize(
    "arguments",
    [
        ("start", "db"),
        ("start", "db", "--for", "soon"),
        ("start", "dp", "--for", "2h"),
        ("start", "db", "--for", "-1h"),
    ],
)
def test_what_is_no_window(shop: Path, arguments: tuple[str, ...]) -> None:
    """How long and of what must be clear; nothing is begun."""
    assert main(("maintenance", *arguments)) == 64


def test_declared_windows_are_listed_without_a_store(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lasts, and the next ones."""
    assert main(("maintenance", "list", "--json")) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["components"] for each in listed["now"]] == [["api"]]
    assert len(listed["coming"]) == 14
    assert main(("maintenance",)) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_part_of_a_window_is_ended(shop: Path, paramedic: Run) -> None:
    """Of a window of everything, what is not named goes on; a declared one ends this once."""
    assert paramedic("maintenance", "start", "--for", "2h", "--reason", "all").returncode == 0
    assert paramedic("maintenance", "stop", "api").returncode == 0
    lasting = json.loads(paramedic("maintenance", "list", "--json").stdout)["now"]
    assert [(each["components"], each["reason"]) for each in lasting] == [(["db"], "all")]
    assert paramedic("maintenance", "stop", "api").returncode == 64
    assert paramedic("maintenance", "stop", "api", "--dry-run").returncode == 64
    told = paramedic("maintenance", "stop", "--dry-run")
    assert (told.returncode, told.stdout.count("maintenance would be over: until")) == (0, 1)
    assert json.loads(paramedic("maintenance", "list", "--json").stdout)["now"] == lasting


def test_what_would_begin_is_shown(shop: Path, paramedic: Run) -> None:
    """Until when, of what and why; and what would end, a declared window too."""
    told = paramedic("maintenance", "start", "db", "--for", "2h", "--reason", "new disks", "--dry-run")
    assert told.returncode == 0
    assert "maintenance would begin: until" in told.stdout
    assert ", of db: new disks" in " ".join(told.stdout.split())
    assert ", of api: always" in " ".join(paramedic("maintenance", "stop", "--dry-run").stdout.split())
