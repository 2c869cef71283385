"""The reference says what the program says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import paramedic
from paramedic.cli.main import COMMANDS
from paramedic.cli.reference import pages

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


@pytest.mark.parametrize("name", pages())
def test_the_pages_are_those_of_this_program(name: str):
    """Whatever changes in the program changes in the reference with it."""
    assert (REFERENCE / name).is_file(), f"`docs/reference/{name}` is missing; `make reference` writes it"
    assert (REFERENCE / name).read_text() == pages()[name], f"`docs/reference/{name}` is out of date; `make reference`"


def test_nothing_else_is_there():
    """A page that is not written any more does not stay behind."""
    assert {each.name for each in REFERENCE.iterdir()} == set(pages())


def test_the_command_writes_them(tmp_path: Path):
    """Anywhere, under any terminal and locale: the same bytes, and no word of where it was done."""
    odd = {"COLUMNS": "50", "LC_ALL": "C", "TZ": "Asia/Tokyo", "PARAMEDIC_VERIFY_TIMES": "7", "PYTHONHASHSEED": "9"}
    command = [sys.executable, "-m", "paramedic", "reference", str(tmp_path / "pages")]
    ran = subprocess.run(command, cwd=tmp_path, env={**os.environ, **odd}, capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert {each.name: each.read_text("utf-8") for each in (tmp_path / "pages").iterdir()} == dict(pages())
    assert str(tmp_path) not in "".join(pages().values())


def test_every_command_is_there():
    """What ``--help`` lists has a section."""
    for name in (name for name, (_, summary) in COMMANDS.items() if summary):
        assert f"## paramedic {name}\n" in pages()["commands.md"]


def test_every_variable_is_there():
    """What the command line reads of its environment is listed."""
    sources = "".join(
        each.read_text()
        for part in ("cli", "service")
        for each in (Path(paramedic.__file__).parent / part).rglob("*.py")
    )
    read = set(re.findall(r"""environ(?:\.get\(|\[)\s*"([A-Z][A-Z_]+)\"""", sources)) - {"HOME", "PATH", "DEBUG_MODE"}
    assert len(read) > 4
    assert [each for each in sorted(read) if f"`{each}`" not in pages()["environment-variables.md"]] == []


def test_links_lead_somewhere():
    """Every link between the pages names a page and a heading that exist."""
    anchors = {
        name: {
            re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-")
            for head in re.findall("^#+ (.*)$", text, re.MULTILINE)
        }
        for name, text in pages().items()
    }
    for name, text in pages().items():
        for page, anchor in re.findall(r"\]\(([\w.-]*)#([^)]*)\)", text):
            assert anchor in anchors[page or name], f"{name}: {page}#{anchor}"


def test_thresholds_are_named():
    """What a service file may set can be looked up in the manual of the check that uses it."""
    sources = "".join(each.read_text() for each in (Path(paramedic.__file__).parent / "packs").rglob("*.py"))
    names = set(re.findall(r"\.threshold\(\s*\"(\w+)\"", sources))
    assert len(names) > 10
    assert [each for each in sorted(names) if f"`{each}`" not in pages()["checks.md"]] == []


def test_the_schema_is_a_schema():
    """Editors can use the file."""
    jsonschema.Draft202012Validator.check_schema(json.loads(pages()["service-file.schema.json"]))
