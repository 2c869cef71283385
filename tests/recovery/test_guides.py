"""Guides as files: shipped ones are whole, a service's own are checked and go first."""

from pathlib import Path

import pytest

from paramedic.model.errors import ConfigurationError
from paramedic.recovery.guides import helping, load_guides
from paramedic.sdk.pack import load_packs

REGISTRY = load_packs()


def test_shipped_guides_are_whole():
    """Each has steps, is for codes that exist, and helps with every code of guidance."""
    guides = load_guides(REGISTRY)
    assert all(each.steps for each in guides.values())
    for each in guides.values():
        assert set(each.helps) <= set(REGISTRY.codes), each.name
    codes = [each for each in REGISTRY.codes if each.startswith(("guidance.", "client."))]
    assert len(codes) == 7
    assert [each for each in codes if helping(guides.values(), [each]) is None] == []


def test_the_first_code_that_has_a_guide_decides():
    """Other codes are passed over."""
    guides = load_guides(REGISTRY).values()
    found = helping(guides, ["http.refused", "client.auth-failed", "guidance.microphone"])
    assert found is not None
    assert found.name == "sign-in-again"
    assert helping(guides, ["http.refused"]) is None


def own(folder: Path, text: str) -> Path:
    (folder / "guides").mkdir()
    (folder / "guides" / "mobile-client.yaml").write_text(text)
    return folder / "paramedic.yaml"


def test_a_services_own_guide_takes_the_place_of_a_shipped_one(tmp_path):
    """It lies in `guides` beside the service file."""
    file = own(tmp_path, "helps: [guidance.mobile-client]\nsteps:\n  - do: call Anna\n    check: client.works\n")
    guide = load_guides(REGISTRY, file)["mobile-client"]
    assert guide.title == "mobile client"
    assert [(each.do, each.check) for each in guide.steps] == [("call Anna", "client.works")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "cannot be read"),
        ("- a", "holds no mapping"),
        ("helps: [guidance.microphone]", "`steps` is missing"),
        ("steps: [{do: x}]", "`helps` is missing"),
        ("helps: [client.nothing]\nsteps: [{do: x}]", "unknown code"),
        ("helps: [client.auth-failed]\nsteps: [{see: x}]", "step 1"),
        ("helps: [client.auth-failed]\nsteps: [{do: x, check: client.nothing}]", "unknown check"),
        ("helps: [client.auth-failed]\nsteps: [{do: x}]\nverify: me", "unknown key"),
    ],
)
def test_mistakes_are_told(tmp_path, text, said):
    """With the file in which they stand."""
    with pytest.raises(ConfigurationError, match=said):
        load_guides(REGISTRY, own(tmp_path, text))
