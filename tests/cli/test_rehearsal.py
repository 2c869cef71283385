"""`--dry-run`: every command that acts takes it, shows what it would do, and does nothing."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from paramedic.cli.main import cli
from paramedic.cli.rehearsal import ACTS

Run = Callable[..., subprocess.CompletedProcess[str]]
LOOKS = frozenset(
    {
        *(
            "check",
            "probe list",
            "probe run",
            "status",
            "explain",
            "checks",
            "plan",
            "receipts",
            "audit verify",
            "info",
        ),
        *("incidents list", "incidents report", "incidents show", "diagnose", "completion", "reference"),
        *("guide list", "guide show", "guide status", "escalation show", "backup list", "backup verify"),
        *("llm probe", "embedding check", "vector check", "mcp config show", "mcp status", "mcp tools"),
        *("breakers list", "flags list", "flags validate", "budget status", "tasks list"),
        *("config diff", "config schema", "config show", "config validate", "emergency assess", "maintenance list"),
        *("change list",),
    }
)
"""Commands that change nothing of a service."""
OWN_WAY = frozenset({"emergency baseline", "emergency rollback", "emergency shutdown"})
"""They foresee without asking anybody, because in an emergency nobody may answer."""
OTHERWISE = frozenset(
    {
        "watch",  # acts for as long as it runs; `--dry-run` of a plan is `paramedic plan`
        "drill all", "drill list", "drill run", "demo",  # break a service of their own
        "mcp call",  # asks first, and what a tool would do nobody can know
    }
)  # fmt: skip
SERVICE = """
service: shop
components:
  sleeper: {kind: process, process: {command: [sleep, "600"]}}
  settings: {kind: config, path: settings.yaml, required: [name]}
escalation: {L2: ["http://127.0.0.1:1/"]}
"""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command by its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_that_acts_can_be_rehearsed() -> None:
    """A new command is either one that only looks, or one of those that take `--dry-run`."""
    known = dict(commands(cli))
    rehearsed = {path for path, each in known.items() if any("--dry-run" in option.opts for option in each.params)}
    assert rehearsed == (ACTS & set(known)) | OWN_WAY
    assert not ACTS - set(known), "a command that is gone"
    undecided = set(known) - rehearsed - LOOKS - OTHERWISE
    assert not undecided, "does it act? then it belongs to `ACTS` in cli/rehearsal.py"


@pytest.fixture
def shop(home: Path) -> Path:
    """A service of which nothing runs."""
    (home / "paramedic.yaml").write_text(SERVICE)
    (home / "settings.yaml").write_text("name: shop\n")
    return home


SHOWN = {
    "start": "process.start sleeper",
    "recover": "restart-component on sleeper",
    "pause": "every plan would wait",
    "escalate": "L2: 1",
    "escalation test": "L2: a test message would go to 1 addresses",
    "backup create settings": "settings would be backed up",
    "config set name market --component settings": "+name: market",
    "config set service market": "+service: market",
}


def test_a_rehearsal_shows_and_does_nothing(paramedic: Run, shop: Path) -> None:
    """Exit 0, what would be done, and everything is as it was."""
    for command, says in SHOWN.items():
        done = paramedic(*command.split(), "--dry-run")
        assert done.returncode == 0, done.stderr
        assert says in done.stdout
        assert done.stdout.endswith("nothing was done: this was a dry run\n")
        assert max(len(line) for line in done.stdout.splitlines() if not line.startswith(str(shop))) <= 80
    assert (shop / "settings.yaml").read_text() == "name: shop\n"
    assert (shop / "paramedic.yaml").read_text() == SERVICE
    assert paramedic("receipts").stdout == "no receipts\n"
    assert not list(shop.glob(".paramedic/backups/*/*Z*"))


def test_a_rehearsal_is_data_too(paramedic: Run, shop: Path) -> None:
    """With `--json` the plans stand in it, marked as a rehearsal."""
    assert shop.is_dir()
    shown = json.loads(paramedic("start", "--dry-run", "--json").stdout)
    assert (shown["dry_run"], shown["possible"]) == (True, True)
    assert [each["playbook"] for each in shown["plans"]] == ["operator-start"]


def test_a_rehearsal_ends_as_its_order_would(paramedic: Run, shop: Path) -> None:
    """What names nothing is refused beforehand, too."""
    assert shop.is_dir()
    told = paramedic("acknowledge", "inc-nobody", "--dry-run")
    assert (told.returncode, told.stdout) == (64, ""), told.stderr
    assert "there is no open incident `inc-nobody`" in told.stderr
