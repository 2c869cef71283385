"""Playbooks are checked whole, and what ships is sound."""

from pathlib import Path

import pytest

from paramedic.model.errors import ConfigurationError
from paramedic.model.playbook import Playbook
from paramedic.recovery.playbooks import load_playbooks
from paramedic.sdk import load_packs

GOOD = """
heals: [process.exited]
steps:
  - process.restart: {component: "{suspect}"}
verify: {checks: failed, times: 3, within_s: 9}
restart: true
"""


def read(tmp_path: Path, text: str | bytes) -> Playbook:
    path = tmp_path / "mend-it.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_playbooks(load_packs(), [tmp_path])["mend-it"]


def test_shipped_playbooks_are_sound() -> None:
    """Every one names existing actions and codes and says how it is verified."""
    playbooks = load_playbooks(load_packs())
    assert {"restart-component", "restore-config", "repair-database"} <= set(playbooks)
    codes = load_packs().codes
    assert not {code for each in playbooks.values() for code in each.heals} - set(codes)


def test_a_playbook_of_the_service_is_read(tmp_path: Path) -> None:
    """Its name is that of its file."""
    playbook = read(tmp_path, GOOD)
    assert (playbook.name, playbook.is_restart, playbook.attended) == ("mend-it", True, False)
    assert (playbook.verify.times, playbook.verify.within_s) == (3, 9)
    assert playbook.steps[0].action == "process.restart"


def test_a_service_replaces_a_shipped_playbook(tmp_path: Path) -> None:
    """The nearest one with a name counts."""
    (tmp_path / "restart-component.yaml").write_text(GOOD.replace("heals: [process.exited]", "heals: [http.status]"))
    assert load_playbooks(load_packs(), [tmp_path])["restart-component"].heals == ("http.status",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no mapping"),
        ("- a", "no mapping"),
        ("heals: [", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (GOOD.replace("heals", "heal"), "unknown key `heal`"),
        (GOOD.replace("process.exited", "process.exploded"), "unknown code `process.exploded`"),
        (GOOD.replace("process.restart", "process.explode"), "unknown action `process.explode`"),
        (GOOD.replace("process.restart", "proces.restart"), "did you mean `process.restart`"),
        (GOOD.replace("process.restart", "launch.missiles"), "the reference lists every action"),
        (GOOD.replace("verify: {checks: failed, times: 3, within_s: 9}", ""), "`verify` is missing"),
        (GOOD.replace("checks: failed", "checks: none"), "`verify` is missing"),
        ("heals: [process.exited]\nverify: {checks: failed}\nsteps: []", "`steps` is missing"),
        ("heals: [process.exited]\nverify: {checks: failed}\nsteps: [hello]", "a step is `hello`"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    """Each with its file, as a configuration error."""
    with pytest.raises(ConfigurationError, match=r"mend-it\.yaml") as caught:
        read(tmp_path, text)
    assert says in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """Not only the first."""
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "heals: []\nsteps: []\ncolour: red")
    assert len(caught.value.problems) == 4
