"""The cause ranks first, with votes that can be checked by hand."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from stories import shop, trouble

from paramedic.diagnosis import Trouble, rank_suspects, shipped
from paramedic.model.code import IssueType
from paramedic.model.incident import Suspect
from paramedic.model.status import Status


def ranked(troubles: Sequence[Trouble]) -> tuple[Suspect, ...]:
    return rank_suspects(shop(), troubles, shipped())


def expect(*troubles: Trouble, first: tuple[str, str]) -> None:
    suspects = ranked(troubles)
    assert (suspects[0].component, suspects[0].code) == first, suspects


def test_nothing_wrong_gives_no_suspect() -> None:
    """Without trouble nobody is suspected."""
    assert ranked([]) == ()


def test_a_failing_dependency_outranks_what_needs_it() -> None:
    """The database is the cause, the API its symptom, whichever was noticed first."""
    for early, late in ((100.0, 101.0), (101.0, 100.0)):
        expect(
            trouble("api", "http.status", onset_s=early),
            trouble("db", "sqlite.corrupt", depth=3, onset_s=late),
            first=("db", "sqlite.corrupt"),
        )


def test_the_symptom_names_its_cause() -> None:
    """What is explained by another component says by which."""
    suspects = ranked([trouble("api", "http.status"), trouble("db", "sqlite.corrupt", depth=3)])
    assert {each.component: each.is_symptom_of for each in suspects} == {"db": None, "api": "db"}


def test_the_deepest_trouble_of_one_component_speaks_for_it() -> None:
    """A taken port explains the exit, the exit explains the refused connection."""
    expect(
        trouble("llm", "http.refused"),
        trouble("llm", "process.exited", depth=1),
        trouble("llm", "port.in-use", depth=2),
        first=("llm", "port.in-use"),
    )


def test_a_bad_configuration_outranks_the_exit_it_causes() -> None:
    """The process that dies of a broken file is a symptom."""
    expect(
        trouble("api", "process.exited", depth=1, onset_s=99.0),
        trouble("settings", "config.invalid-value", depth=3, onset_s=100.0),
        first=("settings", "config.invalid-value"),
    )


def test_a_full_disk_outranks_the_database_errors_it_causes() -> None:
    """What a host has run out of explains what runs on it."""
    expect(trouble("db", "sqlite.locked"), trouble("machine", "disk.full", depth=3), first=("machine", "disk.full"))


def test_an_old_warning_is_not_the_cause_of_a_new_failure() -> None:
    """A disk that has been at 91 % for an hour did not stop the model."""
    expect(
        trouble("machine", "disk.full", depth=3, status=Status.WARNING, onset_s=0.0),
        trouble("llm", "http.refused", onset_s=3600.0),
        first=("llm", "http.refused"),
    )


def test_a_warning_does_not_explain_a_failure() -> None:
    """A dependency that is merely slow is not named as the cause of a dead process."""
    expect(
        trouble("llm", "http.slow", status=Status.WARNING),
        trouble("api", "process.exited", depth=1),
        first=("api", "process.exited"),
    )


def test_every_vote_is_kept_with_its_reason() -> None:
    """A person can recompute the score from the votes."""
    weights = shipped().weights
    for suspect in ranked([trouble("api", "http.status"), trouble("db", "sqlite.corrupt", depth=3)]):
        total = sum(weights[vote.kind] for vote in suspect.votes)
        assert suspect.score == round(sum(vote.weight for vote in suspect.votes) / total, 3)
        assert [vote.kind for vote in suspect.votes] == ["own-failure", "depth", "gravity", "order"]
        assert all(vote.reason for vote in suspect.votes)


def test_what_has_run_out_of_something_is_suspected_more() -> None:
    """Pressure is a vote of its own, and speaks only where there is any."""
    suspects = ranked(
        [trouble("api", "http.slow"), trouble("worker", "memory.high", type=IssueType.RESOURCE, onset_s=101.0)]
    )
    votes = {each.component: {vote.kind: vote.weight for vote in each.votes} for each in suspects}
    assert (votes["worker"]["pressure"], votes["api"]["pressure"]) == (1.0, 0.0)


NAMES = ("api", "db", "llm", "settings", "machine", "worker")


@given(
    st.lists(
        st.builds(
            trouble,
            st.sampled_from(NAMES),
            st.sampled_from(("a.x", "b.y", "c.z")),
            depth=st.integers(0, 3),
            status=st.sampled_from((Status.WARNING, Status.CRITICAL)),
            onset_s=st.floats(0, 1e4),
        ),
        max_size=8,
    )
)
def test_ranking_never_loses_or_invents_a_component(troubles: list[Trouble]) -> None:
    """Every troubled component is a suspect exactly once, scores are between 0 and 1 and in order."""
    suspects = ranked(troubles)
    assert sorted(each.component for each in suspects) == sorted({each.component for each in troubles})
    scores = [each.score for each in suspects]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert not suspects or suspects[0].is_symptom_of is None or len(suspects) > 1
