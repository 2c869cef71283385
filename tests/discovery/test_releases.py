"""A folder of releases is offered with what runs from it, and only then."""

import os
from pathlib import Path

import pytest

from paramedic.discovery.code import code_of
from paramedic.discovery.drafting import _Drafting
from paramedic.discovery.guess import Candidate, Guess, Guesses
from paramedic.discovery.guessing import _perhaps_needed
from paramedic.discovery.processes import Seen, names_of
from paramedic.discovery.releases import add_releases, deployed, through_the_link
from paramedic.discovery.scene import Part
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import load_packs

HTTP = {"kind": "http", "url": "http://127.0.0.1:1/"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Two releases; the second one runs."""
    for name in ("r1", "r2"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "app.py").write_text("STORE = 'http://localhost:6001/'\n")
    (tmp_path / "current").symlink_to("releases/r2")
    return tmp_path


def part(line: str, cwd: Path | None) -> Part:
    command = tuple(line.split(" "))
    process = Seen(pid=10, parent=1, uid=os.geteuid(), command=command, names=names_of(command), cwd=cwd)
    return Part(process=process, uid=0, code=code_of(command, cwd))


def web() -> Guess:
    return Guess(name="web", what="seen", candidates=[Candidate(keys=HTTP)])


async def drafted(shop: Path, found: Guesses, status: Status):
    async def look(service, names):
        return tuple(
            Finding(component=each, kind="http", check="http.answers", status=status, code=None, observed="it says so")
            for each in names
            if service.components[each].kind == "http"
        )

    drafting = _Drafting("shop", shop / "paramedic.yaml", load_packs(), os.environ, found)
    drafting.refuse_what_cannot_be_read()
    return await drafting.until_right(look)


@pytest.mark.parametrize(
    ("line", "where"),
    [("python app.py", "releases/r2"), ("python current/app.py", "."), ("python {shop}/releases/r2/app.py", None)],
)
async def test_releases_are_offered_with_what_runs_from_them(shop: Path, line: str, where: str | None) -> None:
    """Whether it works there, or was started through the link or from the release itself."""
    found = Guesses()
    one = part(line.format(shop=shop), shop / where if where else None)
    add_releases(shop, [(part("python stub.py", Path("/")), web()), (one, found.add(web()))], load_packs(), found)
    draft = await drafted(shop, found, Status.OK)
    assert [(each.name, each.kind) for each in draft.found] == [("web", "http"), ("web-release", "release")]
    assert draft.service.components["web"].depends_on == ("web-release",)
    assert "path: releases\n    current: current\n    component: web\n    # requires: " in draft.text


async def test_they_go_with_what_runs_from_them(shop: Path) -> None:
    """A component that is left out takes them with it: they would name nothing."""
    found = Guesses()
    add_releases(shop, [(part("python app.py", shop / "current"), found.add(web()))], load_packs(), found)
    draft = await drafted(shop, found, Status.CRITICAL)
    assert draft.found == ()
    assert [each.name for each in draft.left_out] == ["web", "web-release"]


def test_what_nothing_runs_from_is_told(shop: Path, tmp_path: Path) -> None:
    """It needs a component; and a link to somewhere else is no release."""
    found = Guesses()
    add_releases(shop, [(part("python stub.py", Path("/")), web())], load_packs(), found)
    assert (found.components, [each.name for each in found.left_out]) == ({}, ["releases"])
    for target in ("nowhere", "releases", "current"):
        (shop / "current").unlink()
        (shop / "current").symlink_to(target)
        assert deployed(shop) is None


def test_a_place_in_the_release_is_named_through_the_link(shop: Path) -> None:
    """What is started from there is the next release after a deployment."""
    assert through_the_link(shop / "releases/r2/bin", shop) == shop / "current/bin"
    assert through_the_link(shop / "releases/r1", shop) == shop / "releases/r1"
    assert through_the_link(Path("/srv"), Path("/srv")) == Path("/srv")


def test_what_only_the_code_names_is_proposed(shop: Path) -> None:
    """As a line to be taken over: code that many share names more than each of them needs."""
    found = Guesses()
    app = found.add(web())
    store = Guess(name="store", what="seen", candidates=[], ports=frozenset({6001}))
    found.add(store)
    one = part("python app.py", shop / "current")
    (line,) = _perhaps_needed(one, [app], found)
    assert line == "its code names port 6001, where store listens; if needed: depends_on: [store]"
    app.needs = ("store",)
    assert list(_perhaps_needed(one, [app], found)) == []
