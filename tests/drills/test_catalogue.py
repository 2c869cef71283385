"""The catalogue of drills is complete and consistent."""

from paramedic.drills.catalogue import Ends, catalogue
from paramedic.drills.faults import FAULTS
from paramedic.recovery.playbooks import load_playbooks
from paramedic.sdk.pack import load_packs


def test_every_drill_has_its_fault():
    """No scenario without a way to inject it, no fault that nobody judges."""
    assert set(catalogue()) == set(FAULTS)


def test_every_fault_says_what_it_does():
    """The docstring of a fault is what people are told."""
    assert all((fault.inject.__doc__ or "").rstrip().endswith(".") for fault in FAULTS.values())


def test_names_exist():
    """Codes and playbooks of the catalogue are those that Paramedic has, and the types agree."""
    registry = load_packs()
    playbooks = load_playbooks(registry)

    for drill in catalogue().values():
        if drill.ends is Ends.CONTROL:
            assert drill.code is None
            assert drill.for_s > 0
            continue
        assert drill.code in registry.codes, drill.id
        assert drill.type is registry.codes[drill.code].type, drill.id
        if drill.playbook:
            assert drill.code in playbooks[drill.playbook].heals, drill.id


def test_endings_are_judgeable():
    """Healing names its playbook; advice names the exit code; nothing else does."""
    for drill in catalogue().values():
        assert (drill.playbook is not None) == (drill.ends in (Ends.HEAL, Ends.APPROVE)), drill.id
        assert (drill.exit in (1, 2)) == (drill.ends is Ends.ADVISE), drill.id
