"""The service file changes while watch runs, for good or ill."""

from pathlib import Path

import pytest

from hostile.ward import Ward
from living import until


def sleeper(name: str, seconds: int = 1000) -> str:
    return f'  {name}: {{kind: process, interval: 300ms, process: {{command: [sleep, "{seconds}"]}}}}\n'


HEAD = "service: ward\ncomponents:\n"
ONE = HEAD + sleeper("one", 1001)
TWO = ONE + sleeper("two", 1002)


def test_a_file_that_becomes_wrong_or_goes_away_changes_nothing(tmp_path: Path) -> None:
    """The old one stays in force, which is said once for each change; supervision goes on."""
    ward = Ward(tmp_path, ONE)
    file = tmp_path / "paramedic.yaml"
    with ward.watch():
        for number, breakage in enumerate(
            (
                lambda: file.write_text("service: [\n"),
                lambda: file.write_text("service: ward\ncomponents: {one: {kind: proces}}\n"),
                lambda: file.write_bytes(b"\xff\xfe\x00"),
                file.unlink,
            ),
            start=1,
        ):
            breakage()
            until(lambda n=number: ward.said().count("stays in force") >= n, 30, "it is told")
        ward.kill("1001")
        file.mkdir()
        until(lambda: ward.pids("1001"), 20, "what died meanwhile is healed")
        file.rmdir()
        file.write_text(ONE)
        until(lambda: ward.ended_well("one"), 20, "and its incident told")
        assert ward.said().count("stays in force") == 4


@pytest.mark.slow
def test_components_come_and_go(tmp_path: Path) -> None:
    """A new one is brought up; one that is gone is not looked at any more and lives on."""
    ward = Ward(tmp_path, ONE)
    file = tmp_path / "paramedic.yaml"
    with ward.watch():
        file.write_text(TWO)
        until(lambda: ward.pids("1002"), 20, "the new one runs")
        until(lambda: ward.status()["two"]["status"] == "ok", 20, "and is looked at")
        file.write_text(HEAD + sleeper("two", 1002))
        until(lambda: set(ward.status()) == {"two"}, 20, "the old one is forgotten")
        until(lambda: "read again: 1 component" in ward.said(), 30, "watch has read it, too")
        ward.kill("1001")
        ward.kill("1002")
        until(lambda: ward.pids("1002"), 20, "the one that is left is healed")
        assert not ward.pids("1001"), "nobody starts what is not declared"


@pytest.mark.slow
def test_a_changed_command_takes_effect_at_the_next_start(tmp_path: Path) -> None:
    """What runs is left alone; the next start, whoever asks for it, is by the new command."""
    ward = Ward(tmp_path, ONE)
    with ward.watch():
        (tmp_path / "paramedic.yaml").write_text(HEAD + sleeper("one", 1003))
        until(lambda: "read again" in ward.said(), 30, "it is read")
        assert ward.pids("1001")
        assert ward.run("restart", "one").code == 0
        assert ward.pids("1003")
        assert not ward.pids("1001")
