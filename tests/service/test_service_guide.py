"""The guide says everything, and what it says is so."""

import re
from pathlib import Path

import pytest

from paramedic.model.service import Objective, Settings
from paramedic.service.annotations import hints, keys_of, known_keys
from paramedic.service.keys import AutonomyKeys, ComponentKeys, FileKeys, Manager, ProcessKeys, Route
from paramedic.service.quantity import measure, unit_of
from paramedic.service.settings import ALIASES, SHORTCUTS
from service.trial import Trial

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "service-file.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(service:.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("cls", [FileKeys, ComponentKeys, ProcessKeys, AutonomyKeys, Objective, Settings])
def test_every_key_is_in_the_guide(cls: type) -> None:
    """A key that nobody can look up does not exist."""
    usual = {keys_of(field.name)[0] for field in known_keys(cls).values()}
    assert [key for key in usual if f"`{key}`" not in GUIDE] == []


def test_every_word_and_alias_is_in_the_guide() -> None:
    """The same for closed sets of words and for names of earlier deployments."""
    words = [*Manager, *SHORTCUTS, *ALIASES, *(each for each in Route if each[0] != "L")]
    assert [word for word in words if f"`{word}`" not in GUIDE] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(trial: Trial, example: str) -> None:
    """What a reader copies works."""
    assert trial.load(example, {"ON_CALL_WEBHOOK": "https://example.org/hook"}).components


def test_the_defaults_in_the_guide_are_the_defaults(trial: Trial) -> None:
    """The table and the program agree."""
    settings = trial.load(EXAMPLES[0]).settings
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|.*\|.*\|$", GUIDE.partition("## Settings")[2], re.MULTILINE))
    for name in hints(Settings):
        value, unit, row = getattr(settings, name), unit_of(name), rows.get(keys_of(name)[0])
        if row is None:
            assert value is None or name in {"store", "node"}, name
        elif isinstance(value, Path):
            assert value == trial.folder / row
        elif isinstance(value, bool):
            assert str(value).lower() == row
        else:
            assert value == (measure(row, unit) if unit else float(row)), name
