"""Packs come through their entry points; a broken one takes no other with it."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from paramedic.sdk import Pack, Registry
from paramedic.sdk.pack import assemble

GROUP = "paramedic.packs"
OURS = EntryPoint(name="host", value="paramedic.packs.host:pack", group=GROUP)


def found_with(value: str) -> Registry:
    """What is found when a stranger's entry point stands beside one of ours."""
    return assemble([EntryPoint(name="theirs", value=value, group=GROUP), OURS])


def offered(monkeypatch: pytest.MonkeyPatch, what: object) -> Registry:
    """The same, with what the stranger's module holds."""
    module = ModuleType("a_stranger")
    module.PACK = what  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_stranger", module)
    return found_with("a_stranger:PACK")


def test_a_healthy_stranger_is_welcome(monkeypatch):
    """A pack of another package works like the shipped ones."""
    registry = offered(monkeypatch, Pack(name="theirs"))
    assert [pack.name for pack in registry.packs] == ["host", "theirs"]
    assert registry.broken == {}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module_anywhere:PACK", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("json:PACK", "AttributeError: module 'json' has no attribute 'PACK'"),
        ("json:dumps", "PackError: the entry point is a function, not a `Pack`"),
    ],
)
def test_a_broken_stranger_is_told(value: str, reason: str):
    """What fails while it is loaded is named with its reason, under a code that has a manual page."""
    registry = found_with(value)
    assert [pack.name for pack in registry.packs] == ["host"]
    assert registry.broken == {"theirs": reason}
    assert "paramedic.pack-broken" in registry.codes


def test_nobody_takes_a_name_of_another(monkeypatch):
    """The shipped packs come first, whatever the stranger is called."""
    (ours,) = found_with("json:PACK").packs
    registry = offered(monkeypatch, Pack(name="aaa", checks=ours.checks))
    assert registry.packs == (ours,)
    assert f"`{ours.checks[0].id}` in checks is declared by `host` already" in registry.broken["theirs"]
