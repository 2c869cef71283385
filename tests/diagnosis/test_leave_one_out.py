"""A check that does not look may hide a cause, and must never make somebody else guilty.

A case for every drill of the catalogue: the service, what fails because of its fault, and every check that passes.
The cases are built from the catalogue and the packs, as values. Of each, every single check is disabled in turn, for
several orders in which the troubles may be noticed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

from paramedic.demo.patient import lay_out
from paramedic.diagnosis import Diagnosis, Trouble, diagnose, shipped, sight, stories
from paramedic.drills.catalogue import Drill, Ends, catalogue
from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.pack import Registry, load_packs
from paramedic.service import load
from scenery import make_service, part

Key = tuple[str, str]
_HERRING = "herring"
"""Needs what is broken, and shows the noise of the drill."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One drill, seen by every check."""

    drill: Drill
    service: Service
    due: tuple[Key, ...]
    troubles: tuple[Trouble, ...]


@cache
def registry() -> Registry:
    return load_packs()


def code_of(name: str) -> Code:
    return registry().codes.get(name) or Code(id=name, type=IssueType.UNKNOWN, summary="")


def cases(patient: Service) -> Iterator[Case]:
    """Every drill that ends with a finding of a check."""
    for drill in catalogue().values():
        finders = [each for each in registry().checks if drill.code in [code.id for code in each.codes]]
        if drill.ends is Ends.CONTROL or not finders or drill.component is None:
            continue
        yield build(drill, patient, finders)


def build(drill: Drill, patient: Service, finders: Sequence[CheckSpec]) -> Case:
    assert drill.component is not None
    assert drill.code is not None
    known = patient.components.get(drill.component) or part(drill.component, kind=finders[0].of.__name__)
    first = next((each for each in finders if known.target is not None and each.target(known) is not None), finders[0])
    # whatever the catalogue adds to the patient stands on its own, and something needs it
    others = {name: each for name, each in patient.components.items() if name != drill.component}
    herring = part(_HERRING, drill.component)
    service = make_service(Path("/nowhere"), known, *others.values(), herring)
    due = [(each.name, spec.id) for each in (known, *others.values()) for spec in concerning(each)]
    # what is as deep as the cause is a story of its own, and no noise of this one
    depth = max(1, code_of(drill.code).depth)
    noise = [each for each in drill.herrings if code_of(each).depth < depth] or ["http.status"]
    found = {(drill.component, first.id): drill.code} | {(_HERRING, f"finds.{each}"): each for each in noise}
    due += list(found)
    return Case(
        drill=drill,
        service=service,
        due=tuple(dict.fromkeys(due)),
        troubles=tuple(trouble(key, code) for key, code in found.items()),
    )


def concerning(component: Component) -> list[CheckSpec]:
    return [each for each in registry().checks if component.target is not None and each.target(component) is not None]


def trouble(key: Key, code: str, onset_s: float = 100.0) -> Trouble:
    known = code_of(code)
    return Trouble(
        component=key[0],
        check=key[1],
        code=code,
        type=known.type,
        status=Status.CRITICAL,
        depth=known.depth,
        onset_s=onset_s,
    )


def answers(case: Case, disabled: Key | None, order: Sequence[int]) -> Iterator[Diagnosis]:
    """What is said when a check does not look, and the troubles are noticed in this order."""
    seen = [
        trouble((each.component, each.check), each.code, 100.0 + order[at])
        for at, each in enumerate(case.troubles)
        if (each.component, each.check) != disabled
    ]
    failing: Mapping[Key, Trouble] = {(each.component, each.check): each for each in seen}
    findings = [
        Finding(
            component=key[0],
            kind="",
            check=key[1],
            status=failing[key].status if key in failing else Status.OK,
            code=failing[key].code if key in failing else None,
            observed="",
        )
        for key in case.due
        if key != disabled
    ]
    for story in stories(case.service, seen):
        said = diagnose(case.service, story, code_of=code_of, sight=sight(findings, case.due), weighing=shipped())
        assert said is not None
        yield said


def wrong(case: Case, disabled: Key | None, order: Sequence[int]) -> Iterator[str]:
    """Everything that must not be said."""
    failing = {each.component for each in case.troubles}
    for said in answers(case, disabled, order):
        named, score = said.first.component, said.first.score
        is_right = named == case.drill.component
        if not is_right and not said.abstained:
            yield f"{case.drill.id} without {disabled}: {named} {said.first.code} {score:.2f}"
        if named not in failing and score >= 0.8:
            yield f"{case.drill.id} without {disabled}: the healthy {named} with {score:.2f}"


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The drills' patient, of which nothing runs."""
    return load(lay_out(tmp_path_factory.mktemp("patient") / "p"), registry(), {})


def test_with_every_check_the_cause_is_named(patient: Service) -> None:
    """Nothing disabled: every case is named, on the right part, without abstaining."""
    found = list(cases(patient))
    assert len(found) > 80, "the catalogue has more drills than that"
    for case in found:
        for order in permutations(range(len(case.troubles))):
            (said,) = answers(case, None, order)
            assert (said.first.component, said.first.code) == (case.drill.component, case.drill.code)
            assert not said.abstained, f"{case.drill.id}: {said.abstained}"
            assert said.first.score >= shipped().abstain_below


def test_without_one_check_nobody_is_wrongly_accused(patient: Service) -> None:
    """Every tenth case, and all red herrings: the diagnosis abstains or stays right."""
    some = [case for at, case in enumerate(cases(patient)) if case.drill.herrings or at % 10 == 0]
    looks = [(case, key) for case in some for key in case.due]
    assert len(looks) > 500, "there are cases to try"
    assert [each for case, key in looks for each in wrong(case, key, range(len(case.troubles)))] == []


@pytest.mark.slow
def test_without_any_single_check_nobody_is_wrongly_accused(patient: Service) -> None:
    """Every case, every check, every order of onset."""
    tried = 0
    for case in cases(patient):
        for key in case.due:
            for order in permutations(range(len(case.troubles))):
                tried += 1
                assert not list(wrong(case, key, order))
    assert tried > 5000, "there are cases to try"
    print(f"\nleave-one-out: {tried} diagnoses, none wrong")
