"""A draft is what its own checks agree with; what they refuse is written otherwise or left out, with the reason."""

import os
from pathlib import Path

import pytest

from paramedic.discovery.drafting import _break_circles, _Drafting
from paramedic.discovery.guess import Candidate, Guess, Guesses, LeftOut, Reference
from paramedic.discovery.writing import written
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import load_packs
from paramedic.service import load

HTTP = Candidate(keys={"kind": "http", "url": "http://127.0.0.1:1/"})
TCP = Candidate(keys={"kind": "tcp", "port": 1})
STRANGE = Candidate(keys={"kind": "kind-of-nobody", "port": 1})
CHECKS = {"http": "http.answers", "tcp": "tcp.accepts-connections", "process": "process.alive"}


def guesses(*all_: Guess) -> Guesses:
    found = Guesses()
    for each in all_:
        found.add(each)
    return found


def drafting(tmp_path: Path, all_: Guesses) -> _Drafting:
    found = _Drafting("shop", tmp_path / "paramedic.yaml", load_packs(), os.environ, all_)
    found.refuse_what_cannot_be_read()
    return found


def looking(**verdicts: Status):
    """Checks of a kind that all say the same."""

    async def look(service, names):
        return tuple(
            Finding(
                component=name, kind=kind, check=CHECKS[kind], status=verdicts.get(kind, Status.OK), code=None,
                observed=f"{kind} says so",
            )
            for name in names
            for kind in dict.fromkeys([service.components[name].kind, "process"])
        )  # fmt: skip

    return look


async def test_the_first_way_that_its_checks_agree_with(tmp_path: Path) -> None:
    """Refused as one kind, written as the next, with what was said against the first."""
    all_ = guesses(Guess(name="web", what="seen", candidates=[STRANGE, HTTP, TCP]))
    draft = await drafting(tmp_path, all_).until_right(looking(http=Status.CRITICAL))
    assert [(each.name, each.kind, each.status) for each in draft.found] == [("web", "tcp", Status.OK)]
    assert "# not as `http`: http says so" in draft.text
    assert "kind-of-nobody" not in draft.text
    assert not (tmp_path / "paramedic.yaml").exists()


async def test_what_nothing_agrees_with_is_left_out(tmp_path: Path) -> None:
    """With the reason, and nobody needs it any more."""
    all_ = guesses(
        Guess(name="web", what="seen", candidates=[HTTP]),
        Guess(name="door", what="seen", candidates=[TCP], needs=("web",)),
    )
    draft = await drafting(tmp_path, all_).until_right(looking(http=Status.UNKNOWN))
    assert [each.name for each in draft.found] == ["door"]
    assert draft.found[0].depends_on == ()
    assert draft.left_out == (LeftOut(name="web", why="seen; as `http`: http says so"),)
    assert "#   web: seen; as `http`" in draft.text


@pytest.mark.parametrize("status", [Status.WARNING, Status.CRITICAL])
async def test_bad_news_of_the_process_is_news(tmp_path: Path, status: Status) -> None:
    """It does not mean that the address was guessed wrongly."""
    guess = Guess(name="web", what="", candidates=[HTTP, TCP], common={"process": {"match": "^x$"}})
    draft = await drafting(tmp_path, guesses(guess)).until_right(looking(process=status))
    assert [(each.kind, each.status) for each in draft.found] == [("http", status)]


async def test_what_is_sure_stays(tmp_path: Path) -> None:
    """A server that was seen to fail is written as it is."""
    sure = Candidate(keys=HTTP.keys, is_sure=True)
    draft = await drafting(tmp_path, guesses(Guess(name="web", what="", candidates=[sure, TCP]))).until_right(
        looking(http=Status.CRITICAL)
    )
    assert [(each.kind, each.status) for each in draft.found] == [("http", Status.CRITICAL)]


def test_circles_are_broken() -> None:
    """Two programs may talk in both directions; a service file may not say so."""
    a = Guess(name="a", what="", candidates=[], needs=("b", "a", "nobody", "b"))
    b = Guess(name="b", what="", candidates=[], needs=("a",))
    all_ = guesses(a, b)
    _break_circles(all_)
    assert sorted((a.needs, b.needs)) in ([(), ("a",)], [(), ("b",)])
    assert "circle" in all_.left_out[0].why


def test_every_text_survives(tmp_path: Path) -> None:
    """What YAML could misread stands in quotes; a variable is filled in only where that is meant."""
    (tmp_path / "secret").write_text("x")
    texts = ["a: b", "${HOME}", "no", "1", "#x", "-", "", "{a", "tab\there", "ü", "a,b", "^x( |$)", "null", ".5", "'"]
    for text in texts:
        guess = Guess(
            name="x", what="a\nb # c", candidates=[Candidate(keys={"kind": "process", "match": "^x"})],
            common={"group": text or "y"},
        )  # fmt: skip
        content = written("a: b", [guess], [LeftOut(name="x\ny", why="z")])
        service = load(tmp_path / "paramedic.yaml", load_packs(), {}, text=content)
        assert service.name == "a: b"
        assert service.components["x"].group == (text or "y")
    guess = Guess(name="x", what="", candidates=[Candidate(keys={"kind": "http", "url": Reference("${URL}")})])
    service = load(tmp_path / "p.yaml", load_packs(), {"URL": "http://a/"}, text=written("s", [guess], []))
    assert service.components["x"].target.url == "http://a/"
