"""Whatever Paramedic can find is explained, and is found for real in some test."""

import tomllib
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from paramedic.sdk import CheckSpec, Registry
from paramedic.sdk.pack import assemble
from paramedic.service.docstrings import of_fields

HERE = Path(__file__)
GROUP = "paramedic.packs"
HEADINGS = ("Looks at:", "Why:", "By hand:", "Healed by:")


@cache
def registry() -> Registry:
    """The packs that the project declares, whether or not it is installed."""
    project = tomllib.loads((HERE.parent.parent / "pyproject.toml").read_text())["project"]
    points = project["entry-points"][GROUP]
    return assemble(EntryPoint(name=name, value=value, group=GROUP) for name, value in points.items())


@cache
def all_tests() -> str:
    """The text of every test but this one."""
    return "\n".join(path.read_text() for path in sorted(HERE.parent.rglob("*.py")) if path != HERE)


def test_every_declared_pack_loads():
    """No shipped pack is broken."""
    assert registry().broken == {}
    assert registry().checks


@pytest.mark.parametrize("spec", registry().checks, ids=lambda spec: spec.id)
def test_a_check_has_a_manual_page(spec: CheckSpec):
    """The docstring of a check says what it looks at, why, how to confirm it by hand and what heals it."""
    first, *rest = spec.manual.splitlines()
    assert first.endswith(".")
    assert len(first) <= 100
    starts = [next((n for n, line in enumerate(rest) if line.startswith(each)), -1) for each in HEADINGS]
    assert -1 not in starts, f"missing: {[each for each, at in zip(HEADINGS, starts, strict=True) if at < 0]}"
    assert starts == sorted(starts)
    for start, heading in zip(starts, HEADINGS, strict=True):
        assert rest[start].removeprefix(heading).strip(), f"`{heading}` says nothing"


@pytest.mark.parametrize("spec", registry().actions.values(), ids=lambda spec: spec.id)
def test_an_action_has_a_manual_page(spec):
    """The docstring of an action says what it does, in a first sentence of its own."""
    assert spec.manual.splitlines()[0].endswith(".")


@pytest.mark.parametrize("code", registry().codes.values(), ids=lambda code: code.id)
def test_a_code_is_found_in_a_test(code):
    """A trouble that no test finds is a promise that nobody keeps."""
    assert f'"{code.id}"' in all_tests(), "no test expects it"
    assert code.summary
    assert not code.summary.endswith(".")
    assert "." in code.id


@pytest.mark.parametrize("kind", registry().kinds.values(), ids=lambda kind: kind.name)
def test_every_key_of_a_kind_is_explained(kind):
    """Each key of the service file has a sentence under its field."""
    said = of_fields(kind.target)
    assert [name for name in kind.target.__dataclass_fields__ if not said.get(name)] == []
