"""One answer for one story, or the reason why there is none; and what was changed before it."""

from datetime import timedelta
from typing import Any

from stories import NOON, change, shop, trouble

from paramedic.diagnosis import SUSPECT, Diagnosis, Sight, diagnose, proven, shipped, stories, told_once
from paramedic.model.change import OURSELVES, Change, ChangeKind, deployment
from paramedic.model.code import Code, IssueType
from paramedic.model.ids import PlanId
from paramedic.model.receipt import Phase, Receipt

DEEP = {"sqlite.corrupt": 3, "process.exited": 1, "change.suspect": 3}


def code_of(name: str) -> Code:
    return Code(id=name, type=IssueType.UNKNOWN, summary="", depth=DEEP.get(name, 0))


def of(*troubles: Any, **fields: Any) -> Diagnosis:
    wanted = {"sight": Sight(), "code_of": code_of, "weighing": shipped(), **fields}
    found = diagnose(shop(), troubles, **wanted)
    assert found is not None
    return found


def test_no_trouble_no_diagnosis() -> None:
    """Where nothing fails, nobody is suspected, whatever was changed."""
    nothing = diagnose(shop(), [], code_of=code_of, sight=Sight(), weighing=shipped(), changes=[change("settings", 1)])
    assert nothing is None


def test_a_file_changed_just_before_is_suspected_though_it_looks_valid() -> None:
    """The change comes first, what fails is its symptom, and the vote says what was changed and when."""
    said = of(trouble("api", "http.status"), changes=[change("settings", 2)])
    first, second = said.suspects
    assert (first.component, first.code, second.is_symptom_of) == ("settings", "change.suspect", "settings")
    assert first.code == SUSPECT
    assert any(each.kind == "change" and "2.0 s before" in each.reason for each in first.votes)
    assert shipped().abstain_below <= first.score < 0.8, "no check says so, and it must never look certain"
    assert [each.what for each in said.changes] == ["settings was changed"]


def test_most_changes_are_only_told() -> None:
    """Too long ago, of something that nothing needs, after the onset, our own, no file; or a better reason is there."""
    api = trouble("api", "http.status")
    for told in (
        change("settings", 600),
        change("worker", 2),
        change("settings", -2),
        change("settings", 2, by=OURSELVES),
        change("llm", 2, ChangeKind.DEPLOYMENT),
        change(None, 2, ChangeKind.SERVICE_FILE),
    ):
        assert of(api, changes=[told]).first.code == "http.status", told
    edit = [change("settings", 2)]
    assert of(trouble("api", "process.exited", depth=1), changes=edit).first.code == "process.exited"
    dead = trouble("api", "process.not-running", check="process.runs", depth=1)
    assert of(api, dead, changes=edit).first.code == "process.not-running", "it answers nothing because it is dead"
    assert of(api, trouble("db", "sqlite.corrupt", depth=3), changes=edit).first.component == "db"
    assert of(api, changes=edit, excused=["settings"]).first.component == "api"


def test_after_a_restart_in_vain_a_change_may_explain_a_death() -> None:
    """A dead process is a reason of its own only until it was started again."""
    dead = trouble("api", "process.exited", depth=1)
    assert of(dead, changes=[change("settings", 2)], is_stubborn=True).first.component == "settings"


def test_a_deployment_speaks_against_what_was_deployed() -> None:
    """Of two that fail alike, the one that was changed just before is suspected more."""
    troubles = [trouble("db", "sqlite.locked"), trouble("llm", "http.slow")]
    told = [change("llm", 20, ChangeKind.DEPLOYMENT)]
    assert of(*troubles, changes=told).first.component == "llm"


def test_who_cannot_see_does_not_accuse() -> None:
    """A symptom whose cause may lie where nobody could look is only a guess; a root needs no cause."""
    blind = Sight(blind={"db": ("sqlite.opens: permission denied",)}, passing={"llm": 2, "settings": 1})
    said = of(trouble("api", "http.status"), sight=blind)
    assert "`db`" in said.abstained
    assert said.not_looked_at == ("db: sqlite.opens: permission denied",)
    assert said.ruled_out == ("llm: all 2 checks pass", "settings: its check passes")
    assert not of(trouble("api", "sqlite.corrupt", depth=3), sight=blind).abstained


def test_what_is_worked_on_is_not_ruled_out() -> None:
    """Its checks say nothing against it because somebody ordered what fails."""
    worked = Sight(passing={"llm": 2, "settings": 1}, ordered={"llm": "under the order `restart` of ada"})
    said = of(trouble("api", "http.status"), sight=worked)
    assert said.ruled_out == ("settings: its check passes",)
    assert said.not_looked_at == ("llm: not judged: under the order `restart` of ada",)
    assert not said.abstained


def test_who_cannot_tell_two_apart_says_so() -> None:
    """Equal evidence is no answer."""
    assert "equally likely" in of(trouble("db", "sqlite.locked"), trouble("llm", "http.slow")).abstained


def test_stories_are_apart_where_nothing_connects_them() -> None:
    """Along dependencies together, the gravest first."""
    found = stories(shop(), [trouble("llm", "a.x"), trouble("worker", "b.y"), trouble("db", "c.z", depth=3)])
    assert [sorted(each.component for each in story) for story in found] == [["db", "worker"], ["llm"]]


def test_receipts_prove_changes() -> None:
    """A restart and a guard's order are derived from their receipts; an intent and a wait are no change."""

    def receipt(action: str, phase: Phase = Phase.DONE) -> Receipt:
        return Receipt(
            plan=PlanId("plan-1"), step=0, attempt=1, phase=phase, action=action, component="api", token="t", at=NOON,
            node="here", detail="done",
        )  # fmt: skip

    acts = [receipt("process.restart"), receipt("guards.order"), receipt("wait.answers")]
    found = proven([*acts, receipt("process.restart", Phase.INTENT)])
    assert [(each.kind, each.is_ours) for each in found] == [(ChangeKind.RESTART, True), (ChangeKind.FLAG, False)]


def test_a_change_is_told_once() -> None:
    """What a file tells of a change that somebody told, or that we made, is left out."""
    ours = Change(at=NOON, kind=ChangeKind.CONFIG, component="settings", what="restored", by=OURSELVES)
    by_file = Change(at=NOON + timedelta(seconds=1), kind=ChangeKind.CONFIG, component="settings", what="written")
    later = Change(at=NOON + timedelta(minutes=1), kind=ChangeKind.CONFIG, component="settings", what="written")
    release = deployment("api", NOON - timedelta(seconds=1), "release 2", "ci")
    assert told_once([by_file, ours, later, release]) == (later, ours, release)
