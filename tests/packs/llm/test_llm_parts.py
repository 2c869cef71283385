"""The parts of the looks at a model, each on its own: what is text, what moves, what was spent."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.packs.http.answer import NoAnswer, Trouble
from paramedic.packs.llm.activity import Activity, Slot, _counters, _slots, read_activity
from paramedic.packs.llm.ledger import Ledger, TooDear
from paramedic.packs.llm.line import Line, Spoken, _take
from paramedic.packs.llm.output import what_is_wrong
from paramedic.packs.llm.strangers import document, error_said
from paramedic.packs.llm.target import Llm


@pytest.mark.parametrize(
    "text",
    [
        "Hello! How can I help you today?",
        "Once upon a time there was a little girl who lived near the forest with her mother",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        "ha ha ha, that is funny",
        ". <strong><em>The 2022-23 school year is here!</em></strong>\n\n2. ",
        "今日は天気がいいですね。散歩に行きましょう。",
        "def f(x):\n    return x\n\n\ndef g(y):\n    return y\n",
        "x",
    ],
)
def test_text_is_text(text):
    """Also short, foreign, or a list."""
    assert what_is_wrong(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "  \n ", "GGGGGGGGGGGGGGGG", "the the the the the the the the the the", "no no no no no no no no yes",
     "abcabcabcabcabcabc", "\ufffd\ufffd\ufffd ok", "\x00\x01\x02\x03", "well, " + "and so on " * 40],
)  # fmt: skip
def test_what_is_no_text_is_told(text):
    """Empty, endless, or broken."""
    assert what_is_wrong(text)


@given(st.text(max_size=300))
def test_any_text_can_be_judged(text):
    """Whatever a model says."""
    assert what_is_wrong(text) is None or what_is_wrong(text)


@given(st.binary(max_size=200))
def test_any_event_can_be_taken_in(content):
    """Whatever a server sends."""
    spoken = Spoken(status=200)
    _take(content, spoken, 0.1)
    assert isinstance(spoken.text, str)
    assert isinstance(error_said(content.decode(errors="replace")), str)


nested = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "delta", "text", "usage", "prompt_tokens", "error", "id", "next_token", "n_decoded", "n_ctx"]), inner, max_size=4), max_leaves=12)  # fmt: skip


@given(nested)
def test_json_of_any_shape_can_be_taken_in(data):
    """The keys are right, and what they hold is not."""
    _take(json.dumps(data).encode(), Spoken(status=200), 0.1)
    for each in _slots(data):
        assert each


def test_an_answer_is_put_together_from_its_events():
    """Text, reasoning and chat; tokens and times."""
    spoken = Spoken(status=200)
    for at, event in enumerate(
        (
            {"choices": [{"delta": {"role": "assistant", "content": None}}]},
            {"choices": [{"delta": {"reasoning_content": "hm "}}]},
            {"choices": [{"delta": {"content": "yes"}}]},
            {
                "choices": [{"finish_reason": "stop", "delta": {}}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 5},
            },
        )
    ):
        _take(json.dumps(event).encode(), spoken, float(at))
    assert (spoken.text, spoken.finish, spoken.cost(1)) == ("hm yes", "stop", 14)
    assert (spoken.first_token_ms, spoken.between_tokens_ms) == (1000, 250)


def moment(**fields) -> Activity:
    return Activity(at=0.0, **fields)


def test_only_computing_moves():
    """That requests come, or are given up, proves nothing."""
    slot = Slot(task=7, read=4, wrote=3)
    before = moment(slots={0: slot}, counters={"n": 5.0})
    assert not moment(slots={0: slot}, counters={"n": 5.0}).has_moved(before)
    assert moment(counters={"n": 6.0}).has_moved(before)
    assert moment(slots={0: Slot(task=7, read=4, wrote=4)}).has_moved(before)
    assert moment(slots={0: Slot(task=7, read=5, wrote=3)}).has_moved(before)
    assert not moment(slots={0: Slot(task=8, read=0, wrote=0)}).has_moved(before)
    assert moment(slots={0: Slot(task=8, read=0, wrote=1)}).has_moved(before)
    assert not moment(slots={}, counters={"n": 0.0}).has_moved(before)  # it was started again


def test_counters_are_added_up_over_labels():
    """Two models of one server; what is no number is left out."""
    page = (
        'vllm:num_requests_running{m="a"} 2\nvllm:num_requests_running{m="b"} 3\nvllm:num_requests_waiting NaN\n# x\n'
    )
    assert _counters(page + "vllm:generation_tokens_total what\n") == {"vllm:num_requests_running": 5.0}


async def test_older_slots_are_understood(serve, bench, monkeypatch):
    """`state` instead of `is_processing`, one next token instead of a list."""
    running = await serve()
    slot = {"id": 1, "state": 1, "id_task": 3, "n_ctx": 2048, "next_token": {"n_decoded": 6}}
    monkeypatch.setattr(type(running.server), "_slot", lambda _self, _n, _d: slot)
    async with Line(running.target(), bench.clock) as line:
        seen = await read_activity(line, running.target(), 1.0)
    assert (seen.running, seen.slots[1].wrote, seen.context_tokens) == (4, 6, 2048)


TARGET = Llm(base_url="http://127.0.0.1:1/v1", model="m")


def test_a_ledger_forbids_what_is_too_dear(bench):
    """An hour is sixty minutes, whoever asks."""
    ledger = Ledger(bench.settings, TARGET)
    assert ledger.reserve(30, 60, 1000.0)
    assert Ledger(bench.settings, TARGET).reserve(30, 60, 1001.0)
    assert not ledger.reserve(1, 60, 1002.0)
    assert ledger.reserve(30, 60, 1000.0 + 3600)
    ledger.settle(30, 4, 1000.0 + 3600)
    assert ledger.read().spent_lately(1000.0 + 3600) == 34


def test_what_a_failing_model_costs_is_another_account(bench):
    """Ten times the budget proves a recovery; afterwards the hour of the healthy model is as it was."""
    ledger = Ledger(bench.settings, TARGET)
    assert ledger.reserve(50, 60, 1000.0)
    with ledger.opened(1001.0) as page:
        page.is_failing = True
    for _ in range(10):
        assert ledger.reserve(60, 60, 1002.0)
    with pytest.raises(TooDear, match="600 of 600"), ledger.paying(1, 60, 1003.0):
        pass
    with ledger.opened(1004.0) as page:
        page.is_failing = False
    assert ledger.reserve(10, 60, 1005.0)
    assert not ledger.reserve(1, 60, 1006.0)
    ledger.settle(60, 5, 1002.0)
    assert ledger.read().spent_lately(1007.0) == 60


def test_what_was_never_sent_costs_nothing(bench):
    """Without a connection there are no tokens; after one, nobody knows."""
    ledger = Ledger(bench.settings, TARGET)
    with pytest.raises(NoAnswer), ledger.paying(30, 60, 1000.0):
        raise NoAnswer(Trouble.CONNECT, "refused")
    assert ledger.read().spent_lately(1000.0) == 0
    with pytest.raises(NoAnswer), ledger.paying(30, 60, 1000.0):
        raise NoAnswer(Trouble.TIMEOUT, "silence")
    assert ledger.read().spent_lately(1000.0) == 30
    with ledger.paying(30, 60, 1001.0) as bill:
        bill.tokens = 3
    assert ledger.read().spent_lately(1001.0) == 33


def test_a_clock_that_was_set_back_frees_nothing(bench):
    """What seems to be of tomorrow counts."""
    ledger = Ledger(bench.settings, TARGET)
    assert ledger.reserve(60, 60, 100_000.0)
    assert not ledger.reserve(1, 60, 50_000.0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"spent": 7}', b"\xff", b'{"spent": [["x", 1]]}'])
def test_a_damaged_ledger_is_an_empty_one(bench, content):
    """It is ours, and no reason to fail."""
    ledger = Ledger(bench.settings, TARGET)
    assert ledger.reserve(5, 60, 1.0)
    (path,) = (bench.settings.state_dir / "models").glob("*.json")
    path.write_bytes(content)
    assert ledger.read().spent == []
    assert ledger.reserve(5, 60, 1.0)


def test_what_takes_long_to_import_is_imported_when_it_is_needed():
    """Every command loads every pack."""
    code = "import sys, paramedic.packs.llm, paramedic.packs.embedding; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_read_too_deeply():
    """A body of brackets is no JSON."""
    assert document(b"[" * 500_000) is None
