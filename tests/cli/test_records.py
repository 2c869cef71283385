"""What happened, asked in few words."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

SERVICE = """
service: shop
components:
  door: {kind: tcp, host: 127.0.0.1, port: 1}
"""
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def service(home: Path) -> None:
    """A service file; nothing has happened yet."""
    (home / "paramedic.yaml").write_text(SERVICE)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (("incidents",), ("incidents", "list")),
        (("incidents", "--open"), ("incidents", "list", "--open")),
        (("incidents", "--format", "json"), ("incidents", "list", "--format", "json")),
        (("audit",), ("audit", "verify")),
        (("audit", "--format", "json"), ("audit", "verify", "--format", "json")),
    ],
)
def test_the_usual_question_needs_no_second_word(paramedic: Run, short: tuple[str, ...], long: tuple[str, ...]) -> None:
    """`incidents` lists, `audit` verifies, with the options of that."""
    brief, full = paramedic(*short), paramedic(*long)
    assert brief.returncode == full.returncode == 0
    assert brief.stdout == full.stdout != ""


@pytest.mark.parametrize("group", ["incidents", "audit"])
def test_help_is_still_that_of_all(paramedic: Run, group: str) -> None:
    """And a word that is no command is a mistake."""
    assert "Commands:" in paramedic(group, "--help").stdout
    assert paramedic(group, "nonsense").returncode == 64


def test_the_manual_knows_the_playbooks_of_the_service(paramedic: Run, home: Path) -> None:
    """What heals a code here is told here; a service file with mistakes does not keep the manual closed."""
    assert "knock-again" not in paramedic("explain", "tcp.refused").stdout
    (home / "playbooks").mkdir()
    book = home / "playbooks" / "knock-again.yaml"
    book.write_text(
        "title: knock again\nheals: [tcp.refused]\nsteps: [{process.restart: {}}]\nverify: {checks: failed}\n"
    )
    told = json.loads(paramedic("explain", "tcp.refused", "--format", "json").stdout)
    assert "knock-again" in told["playbooks"]
    book.write_text("title: [")
    ended = paramedic("explain", "tcp.refused")
    assert ended.returncode == 0
    assert "tcp.refused" in ended.stdout
    assert "are left out" in ended.stderr


@pytest.mark.parametrize("question", [["incidents", "list"], ["receipts"]])
def test_who_asks_for_records_waits_for_no_pack(home: Path, question: list[str]) -> None:
    """Records are found by the settings alone, also where a component of the file is wrong."""
    (home / "paramedic.yaml").write_text(SERVICE + "  odd: {kind: of-nobody}\n")
    code = (
        "import sys; from paramedic.cli.main import main; "
        f"assert main({question!r}) == 0; "
        "assert not [each for each in sys.modules if each.startswith('paramedic.packs')]"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
