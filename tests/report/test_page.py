"""The page: whole, self-contained, harmless, and a picture of the service that shows what it should."""

from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.model.report import Part, Report
from paramedic.model.status import Status
from paramedic.report import render
from paramedic.report.layout import laid_out
from paramedic.report.picture import LIMIT
from report.test_formats import ANYTHING, AT, REPORT, finding, told

_EMPTY = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser does and refuses what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data

    def classes(self, tag: str) -> list[str]:
        """The classes of all elements of a kind."""
        return [attributes.get("class") or "" for name, attributes in self.elements if name == tag]


def service(needs: Mapping[str, tuple[str, ...]], **verdicts: Status) -> Report:
    """A report on components with these needs and verdicts."""
    return Report(
        service="shop",
        version="0.1.0",
        started_at=AT,
        duration_ms=1.0,
        findings=tuple(finding(status, name, "http.answers") for name, status in verdicts.items()),
        parts=tuple(Part(name=name, kind="http", depends_on=wanted) for name, wanted in needs.items()),
    )


def test_it_fetches_nothing():
    """Neither scripts nor anything from elsewhere, and the browser is told to refuse both."""
    page = render(REPORT, "html")
    read = Reader(page)
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "image", "use"}
    links = [value for _, each in read.elements for name, value in each.items() if name in ("href", "src")]
    assert links
    assert all(link and link.startswith("#c") for link in links)
    assert "@import" not in page
    assert "url(" not in page.replace("url(#hatch)", "")
    assert "default-src 'none'" in page


def test_links_of_the_picture_lead_somewhere():
    """Each box leads to what is said of it, also where only problems are shown."""
    for quiet in (False, True):
        read = Reader(render(REPORT, "html", quiet=quiet))
        ids = [each["id"] for _, each in read.elements if "id" in each]
        assert len(ids) == len(set(ids))
        assert {f"#{each}" for each in ids} >= {each["href"] for tag, each in read.elements if tag == "a"}


def test_the_picture_shows_every_verdict():
    """By glyph, word and colour; what nobody looked at is not healthy."""
    verdicts = dict(zip(("a", "b", "c", "d", "e"), Status, strict=True))
    read = Reader(render(service(dict.fromkeys("abcdef", ()), **verdicts), "html"))
    boxes = [each.removeprefix("box ") for each in read.classes("g")]
    assert boxes == ["ok", "info", "warning", "critical", "unknown", "unseen"]
    assert "f (http): not looked at" in read.said
    assert "http · unseen" in read.said


def test_the_way_to_the_trouble_is_marked():
    """A line leads from each caller to what it needs; those to what is sick stand out."""
    read = Reader(render(service({"api": ("db", "cache"), "db": (), "cache": ()}, db=Status.CRITICAL), "html"))
    assert sorted(each for each in read.classes("path") if "line" in each) == ["line", "line sick critical"]


def test_of_a_thousand_the_sick_are_drawn():
    """With their neighbours; the rest is counted."""
    needs = {f"c{number}": (f"c{number + 1}",) for number in range(999)} | {"c999": ()}
    read = Reader(render(service(needs, c500=Status.CRITICAL), "html"))
    assert len([each for each in read.classes("g") if each.startswith("box")]) == 3
    assert "997 components without trouble nearby not drawn" in read.said
    many = {f"c{number}": Status.CRITICAL for number in range(500)}
    drawn = Reader(render(service(needs, **many), "html")).classes("g")
    assert len([each for each in drawn if each.startswith("box")]) == LIMIT


@pytest.mark.parametrize("verbose", [False, True])
def test_problems_come_first(verbose):
    """What is wrong stands above what is well, with its hint."""
    page = render(REPORT, "html", verbose=verbose)
    order = [
        page.index(said) for said in ("a status of 200", "given up", "91 % used", "Nothing wrong", "Not looked at")
    ]
    assert order == sorted(order)
    assert "Nothing wrong" not in render(REPORT, "html", quiet=True)


@settings(max_examples=100, deadline=None)
@given(text=ANYTHING, status=st.sampled_from(list(Status)))
def test_text_of_a_patient_is_text(text, status):
    """No markup comes from outside: the elements are the same whatever is said, but for code in backticks."""
    plain = [tag for tag, _ in Reader(render(told("x", status), "html")).elements]
    wild = [tag for tag, _ in Reader(render(told(text or "x", status), "html")).elements]
    if text.strip():
        assert [tag for tag in wild if tag != "code"] == [tag for tag in plain if tag != "code"]


_NAMES = [f"n{number}" for number in range(9)]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(_NAMES), st.lists(st.sampled_from([*_NAMES, "gone"]), max_size=4)))
def test_any_graph_can_be_laid_out(needs):
    """Also one with loops and unknown names: every part has a place of its own, every line goes to the right."""
    layout = laid_out(needs)
    assert set(layout.spots) == set(needs)
    assert len(set(layout.spots.values())) == len(needs)
    for caller, needed, between in layout.lines:
        assert needed in needs[caller]
        layers = [each.layer for each in (layout.spots[caller], *between, layout.spots[needed])]
        assert layers == list(range(layers[0], layers[-1] + 1))
    assert all(0 <= each.row < layout.rows for each in layout.spots.values())


def test_lines_do_not_cross_without_need():
    """Two pairs listed crosswise are drawn straight."""
    spots = laid_out({"a": ["y"], "b": ["x"], "x": [], "y": []}).spots
    assert (spots["a"].row - spots["b"].row) * (spots["y"].row - spots["x"].row) > 0
