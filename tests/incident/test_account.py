"""An incident as a document. ``PARAMEDIC_GOLDEN=update`` writes the golden files anew."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from incident_told import AT, DOSSIER, INCIDENT, SECRET, entry, service
from paramedic.incident.account import Dossier, account
from paramedic.model.incident import IncidentState
from paramedic.report import Redactor, render_document
from paramedic.report.chronicle import LIMIT
from paramedic.report.document import safe

GOLDEN = Path(__file__).parent / "golden"


def rendered(folder: Path, dossier: Dossier, style: str) -> str:
    document = account(service(folder), dossier, AT + timedelta(hours=5), made_by="Paramedic 0.1.0")
    return render_document(safe(document, Redactor((SECRET,)).text), style)


@pytest.mark.parametrize(("name", "style"), [("incident.md", "markdown"), ("incident.html", "html")])
def test_the_golden_files(tmp_path: Path, name: str, style: str) -> None:
    """The same records give the same document, to the byte."""
    text = rendered(tmp_path, DOSSIER, style)
    if os.environ.get("PARAMEDIC_GOLDEN") == "update":
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["markdown", "html", "text"])
def test_nothing_secret_leaves(tmp_path: Path, style: str) -> None:
    """Neither from evidence nor from notes nor from addresses."""
    assert SECRET not in rendered(tmp_path, DOSSIER, style)


def test_only_the_levels_that_were_called_are_told(tmp_path: Path) -> None:
    """Whoever was skipped, and a call that nobody could be told of, is not among them; nor is what did not arrive."""
    quiet = tuple(each for each in DOSSIER.timeline if each.what != "notified")
    called = (entry(70, "notified", "escalated: L2, L4: 2 told"), entry(80, "notified", "nobody could be told: off"))
    arrived, lost = (
        replace(DOSSIER.messages[0], id=name, address=f"json://{name}", delivered_at=when)
        for name, when in (("bert", AT), ("carl", None))
    )
    end = replace(arrived, id="end", kind="resolved", address="json://carl")
    people = {"L2": ("json://bert",), "L3": ("json://dora",), "L4": ("json://carl",)}
    known = replace(service(tmp_path), escalation=people)
    dossier = replace(DOSSIER, incident=replace(INCIDENT, level="L4"), messages=(arrived, lost, end))

    def said(*lines) -> str:
        told = account(known, replace(dossier, timeline=(*quiet, *lines)), AT, made_by="x")
        return render_document(told, "text")

    assert "L2 (arrived), L4 (nothing arrived)" in said(*called)
    assert "(arrived)" not in said(called[1])
    assert "L4" not in said(called[1])


@pytest.mark.parametrize("style", ["markdown", "html", "text"])
def test_everything_that_matters_is_told(tmp_path: Path, style: str) -> None:
    """Findings, path, suspects, plans, approval, steps, crash, verification, calls, acknowledgement, end."""
    text = rendered(tmp_path, DOSSIER, style).replace("\\", "")
    for each in (
        "killed by SIGKILL", "is the system responding? no", "own-failure", "a symptom of model", "gpu", "cache",
        "anna (uid 1000)", "pid 4711", "two suspects are alike", "model.yaml was written", "found after a crash", "2 times", "arrived after 2 tries", "answered 503",
        "resolved after 65 min 5 s",
    ):  # fmt: skip
        assert each in " ".join(text.split()), each


def test_text_of_a_patient_is_no_markup(tmp_path: Path) -> None:
    """Tags are shown as they are, a pipe breaks no table, a fence of the log does not end ours."""
    page, note = (rendered(tmp_path, DOSSIER, style) for style in ("html", "markdown"))
    assert "<b>" not in page
    assert "````text" in note
    assert "\\|" in note


def test_the_picture_leads_to_the_rows(tmp_path: Path) -> None:
    """Every mark is a link to a row that exists, and no two marks of a lane stand on each other."""
    page = rendered(tmp_path, DOSSIER, "html")
    links = re.findall(r'href="#(t\d+)"', page)
    assert links
    assert all(f'id="{each}"' in page for each in links)
    places = re.findall(r'class="mark" x="([\d.]+)" y="([\d.]+)" width="(\d+)"', page)
    lanes: dict[str, list[tuple[float, float]]] = {}
    for x, y, wide in places:
        lanes.setdefault(y, []).append((float(x), float(x) + float(wide)))
    for marks in lanes.values():
        assert all(end <= begin for (_, end), (begin, _) in pairwise(marks)), marks


def test_of_very_many_events_the_first_and_the_last_are_drawn(tmp_path: Path) -> None:
    """The rows tell all of them."""
    many = tuple(entry(each, "symptom" if each % 2 else "suspects", f"number {each}") for each in range(3 * LIMIT))
    page = rendered(tmp_path, replace(DOSSIER, timeline=many, receipts=()), "html")
    assert len(re.findall(r'class="mark"', page)) == LIMIT
    assert f"{2 * LIMIT} events between not drawn" in page
    assert page.count("<tr id=") == 3 * LIMIT


@pytest.mark.parametrize("style", ["markdown", "html", "text"])
def test_an_incident_of_which_little_is_known(tmp_path: Path, style: str) -> None:
    """It is told without a plan, a message or a timeline, and says that it is not over."""
    bare = replace(INCIDENT, state=IncidentState.OPEN, resolved_at=None, suspects=(), path=(), symptoms=())
    text = rendered(tmp_path, Dossier(incident=bare), style)
    for each in ("nothing was planned", "nobody was told", "not over after 5 h"):
        assert each in " ".join(text.split())
