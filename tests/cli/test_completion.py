"""What a shell is told while somebody types."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic.cli.main import main


@pytest.fixture
def complete(home: Path):
    """What is offered for a line, and which modules were imported for it."""
    (home / "paramedic.yaml").write_text(
        "service: shop\nsettings: {}\ncomponents:\n  # x\n  web:\n    kind: http\n    url: [broken\n"
        "  'my db': {kind: tcp}\n  worker:\n\nobjectives:\n  nothing: {}\n"
    )

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        done = subprocess.run(
            [sys.executable, "-m", "paramedic"], cwd=home, capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "_PARAMEDIC_COMPLETE": "bash_complete", "COMP_WORDS": line,
                 "COMP_CWORD": str(len(words) - 1), "XDG_CACHE_HOME": str(home / "cache")},
        )  # fmt: skip
        assert done.stderr == ""
        return [each.partition(",")[2] for each in done.stdout.splitlines()]

    return ask


def test_names(complete) -> None:
    """Commands, components of a file that does not even parse, codes, subcommands, options."""
    assert {"init", "check", "config"} <= set(complete("paramedic "))
    assert "reference" not in complete("paramedic ")
    assert complete("paramedic check w") == ["web", "worker"]
    assert complete("paramedic check web w") == ["worker"]
    assert complete("paramedic config set --component wo") == ["worker"]
    assert complete("paramedic explain tcp.ref") == ["tcp.refused"]
    assert complete("paramedic check --only tcp.ref") == ["tcp.refused"]
    assert "repair" in complete("paramedic config ")
    assert complete("paramedic check --verb") == ["--verbose"]
    assert complete("paramedic incidents show ") == []
    assert complete("paramedic incidents show --js") == ["--json"]


def test_another_file(complete, tmp_path) -> None:
    """The one that the line names."""
    (tmp_path / "other.yaml").write_text("components:\n  elsewhere: {}\n")
    assert complete("paramedic -f other.yaml check ") == ["elsewhere"]
    assert complete("paramedic -f nowhere.yaml check ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(paramedic, shell) -> None:
    """One for each shell that asks with our variable."""
    done = paramedic("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_PARAMEDIC_COMPLETE" in done.stdout


def test_another_shell(capsys) -> None:
    """The shells that there are, plainly."""
    assert main(["completion", "tcsh"]) == 64
    assert capsys.readouterr().err == "there is no completion for `tcsh`\nhint: shells: bash, zsh, fish\n"


def test_nothing_heavy_is_imported(home) -> None:
    """Commands and components are told without a pack, a parser or the store: a shell waits for it."""
    (home / "paramedic.yaml").write_text("components:\n  web: {}\n")
    for line in ("paramedic ", "paramedic check "):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "paramedic"], cwd=home, capture_output=True, text=True,
            check=True, timeout=60,
            env={**os.environ, "_PARAMEDIC_COMPLETE": "bash_complete", "COMP_WORDS": line,
                 "COMP_CWORD": str(len(line.split(" ")) - 1)},
        )  # fmt: skip
        imported = {each.rpartition("|")[2].strip() for each in done.stderr.splitlines()}
        assert not imported & {"pydantic", "sqlalchemy", "ruamel.yaml", "aiohttp", "paramedic.packs", "asyncio"}
