"""ARCHITECTURE.md is a map of what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
SOURCE = ROOT / "src" / "paramedic"
SPINE = ("checking", "diagnosis", "incident", "recovery", "watch")


def test_every_test_that_is_named_exists() -> None:
    """An invariant without its test is only a wish."""
    named = re.findall(r"`(tests/[^`]*)`", TEXT)
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_file_that_is_named_exists() -> None:
    """With its folder, as in the life of a fault."""
    named = [each for each in re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|yaml))`", TEXT) if not each.startswith("tests/")]
    assert named
    assert [each for each in named if not (SOURCE / each).exists()] == []


def test_every_folder_is_named() -> None:
    """Each package stands in the layers."""
    layers = TEXT.split("## Layers")[1].split("##")[0]
    packages = [each.name for each in SOURCE.iterdir() if each.is_dir() and each.name != "__pycache__"]
    assert [each for each in packages if not re.search(rf"\b{each}\b", layers)] == []


@pytest.mark.parametrize("package", SPINE)
def test_every_module_of_the_spine_is_named(package: str) -> None:
    """And none that is gone."""
    (table,) = re.findall(rf"\| `{package}/` \| \|\n(.*?)\n\n", TEXT, re.DOTALL)
    named = set(re.findall(r"`([a-z_]+\.py)`", table))
    assert named == {each.name for each in (SOURCE / package).glob("*.py")} - {"__init__.py"}
