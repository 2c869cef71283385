"""Tables that people read in eighty columns, and the same for programs."""

import json

import pytest

from paramedic.cli.listing import show_json, show_rows

HEADS = ("opened", "id", "sev", "state", "component", "code")


def row(component: str, code: str) -> tuple[str, ...]:
    return ("03-14 09:27", "inc-1m80ppxnv-x87a", "P2", "escalated", component, code)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """What is printed for rows at eighty columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def shown(*rows: tuple[str, ...]) -> list[str]:
        show_rows(HEADS, rows, empty="none")
        return capsys.readouterr().out.splitlines()

    return shown


def test_a_long_code_folds_its_own_row_only(lines) -> None:
    """The others stay on one line, in their columns."""
    found = lines(row("web", "http.refused"), row("recommendations", "config.env-file-missing-from-the-folder"))
    assert found[1] == "03-14 09:27  inc-1m80ppxnv-x87a  P2   escalated  web           http.refused"
    assert [each.strip() for each in found[-1:]] == ["config.env-file-missing-from-the-folder"]
    assert len(found) == 4
    assert max(map(len, found)) <= 80
    assert found[0].index("code") == found[1].index("http.refused")


def test_a_long_name_pushes_only_its_own_row(lines) -> None:
    """A component of forty letters takes no room from the others, and is never cut."""
    found = lines(row("web", "http.refused"), row("a-very-long-component-name", "http.refused"), row("db", "x.y"))
    assert found[1].index("http.refused") == found[4].index("x.y")
    assert "a-very-long-component-name" in found[2]
    assert len(found) == 5
    assert max(map(len, found)) <= 80


def test_a_long_text_is_folded_in_its_column_and_nothing_is_lost(lines) -> None:
    """However long it is."""
    said = " ".join(f"word{number}" for number in range(30))
    found = lines(row("web", said), row("db", "x.y"))
    at = found[0].index("code")
    assert " ".join(each[at:].strip() for each in found[1:-1]) == said
    assert all(not each[:at].strip() for each in found[2:-1])
    assert max(map(len, found)) <= 80


def test_what_fits_is_a_plain_table(lines) -> None:
    """One line for each row."""
    found = lines(row("web", "http.refused"), row("settings", "config.unparseable"))
    assert len(found) == 3
    assert found[2].endswith("settings   config.unparseable")
    assert lines() == ["none"]


def test_objects_for_programs_tell_the_version_of_their_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is printed as one object; a list of them stays a list."""
    show_json({"plans": []})
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "plans": []}
    show_json([{"id": "a"}])
    assert json.loads(capsys.readouterr().out) == [{"id": "a"}]
