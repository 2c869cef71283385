"""Does it generate? Stalled, slow, busy and unknown are told apart, within a budget. Against a stand-in, named as such."""

import asyncio
from contextlib import suppress

import pytest

from living import free_port
from paramedic.packs.llm import generating
from paramedic.packs.llm.generating import generates
from paramedic.packs.llm.ledger import Ledger
from paramedic.packs.llm.line import Line
from paramedic.packs.llm.machine import Machine
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Permit, Status

FAST = {"stalled_after_s": 0.6, "still_after_s": 0.8, "sure_after_s": 1.2, "retry_every_s": 0, "response_s": 0.5}


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch):
    """The server lives in our own process, whose processor time says nothing: decide what is seen of it."""

    def decide(computes: bool | None) -> None:
        monkeypatch.setattr(Machine, "computed_since", lambda _self, _earlier: computes)

    decide(False)
    return decide


async def occupied(running, count: int):
    """So many callers who never stop asking."""

    async def ask() -> None:
        async with Line(running.target(), bench_clock()) as line:
            while True:
                await line.speak("/completions", {"prompt": "tell", "max_tokens": 64}, 30)

    tasks = [asyncio.create_task(ask()) for _ in range(count)]
    while sum(each.is_busy for each in running.server.desks) < min(count, running.server.slots):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return tasks


def bench_clock():
    from paramedic.model.clock import SystemClock

    return SystemClock()


async def ended(tasks) -> None:
    for each in tasks:
        each.cancel()
    for each in tasks:
        with suppress(asyncio.CancelledError):
            await each


async def test_a_canary_proves_life_for_three_tokens(serve, look, idle):
    """The first token and its time; two tokens here, as the stand-in counts."""
    running = await serve()
    (found,) = await look(generates, running.target())
    assert found.status is Status.OK
    assert found.measures["tokens_spent"] == 2
    assert found.measures["first_token_ms"] > 0


async def test_between_canaries_nothing_is_spent(serve, look, idle):
    """A program that goes on looking asks once in five minutes."""
    running = await serve()
    for _ in range(5):
        (found,) = await look(generates, running.target(), looks_again=True)
        assert found.status is Status.OK
    assert running.canaries == 1


async def test_what_was_spent_is_kept_over_restarts(serve, look, idle, bench, monkeypatch):
    """However often Paramedic is started again, a healthy model costs no more than its budget."""
    running = await serve()
    statuses = set()
    for _ in range(14):
        bench.memories.clear()
        (found,) = await look(generates, running.target(tokens_per_hour=20))
        statuses.add(found.status)
    assert running.server.spent <= 20
    assert statuses == {Status.OK}  # what was proved a moment ago still holds

    monkeypatch.setattr(generating, "_CANARY_EVERY_S", 0)
    bench.memories.clear()
    ledger = Ledger(bench.settings, running.target(tokens_per_hour=20))
    with ledger.opened(bench.clock.now().timestamp()) as page:
        page.proved_at -= 100_000
    (found,) = await look(generates, running.target(tokens_per_hour=20))
    assert found.status is Status.UNKNOWN
    assert "tokens of this hour are spent" in found.observed


async def test_an_hour_of_watching_stays_within_sixty_tokens(serve, bench, look, idle, monkeypatch):
    """Every ten seconds for three hours of a clock that is turned by hand; samples included."""
    running = await serve(pages=False)

    class Turned(type(bench.clock)):
        offset = 0.0

        def now(self):
            from datetime import timedelta

            return super().now() + timedelta(seconds=self.offset)

        def monotonic(self):
            return super().monotonic() + self.offset

    bench.clock = Turned()
    spent_at = []
    for _ in range(2 * 3600 // 120):
        Turned.offset += 120
        (found,) = await look(generates, running.target(), looks_again=True)
        assert found.status is Status.OK, found.observed
        spent_at.append(running.server.spent)
    hours = [spent_at[n + 29] - spent_at[n] for n in range(len(spent_at) - 29)]
    assert max(hours) <= 60
    assert running.canaries > 15


async def test_no_budget_means_never_asked(serve, look, idle):
    """And what is not known is unknown, never well."""
    running = await serve()
    (found,) = await look(generates, running.target(tokens_per_hour=0))
    assert found.status is Status.UNKNOWN
    assert running.server.asked == []


@pytest.mark.parametrize("pages", [True, False])
async def test_a_hang_is_found_although_health_says_ok(serve, look, idle, pages):
    """Idle by all that it shows, its processes do nothing, and no token comes."""
    running = await serve(mood={"hangs": True}, pages=pages)
    (found,) = await look(generates, running.target(), thresholds=FAST)
    assert (found.code, found.status) == ("llm.generation-stalled", Status.CRITICAL)
    assert "do not compute" in found.because


async def test_a_hang_that_others_ran_into_needs_no_canary(serve, look, idle):
    """Requests run and nothing of them moves: nothing is asked."""
    running = await serve(mood={"hangs": True})
    tasks = await occupied(running, 2)
    try:
        (found,) = await look(generates, running.target(), thresholds=FAST)
    finally:
        await ended(tasks)
    assert found.code == "llm.generation-stalled"
    assert running.canaries == 2  # the two callers' own


async def test_a_busy_server_is_never_asked(serve, look, idle):
    """Twenty callers at four slots, one token in 50 ms: it lives, and that costs nothing."""
    running = await serve(mood={"token_s": 0.05})
    tasks = await occupied(running, 20)
    try:
        for looks_again in (False, True, True):
            (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=looks_again)
            assert found.status is Status.OK, found.observed
        assert found.measures["running"] == 4
        assert found.measures["waiting"] == 16
    finally:
        await ended(tasks)
    assert running.canaries == 20


async def test_a_page_that_was_not_there_for_a_moment_is_asked_again(serve, look, idle, monkeypatch):
    """What could not be reached once is not what the server does not have."""
    running = await serve(mood={"token_s": 0.05}, slots=1)
    page = type(running.server).page
    monkeypatch.setattr(type(running.server), "page", lambda *_args: (500, {}))
    await look(generates, running.target(), thresholds=FAST, looks_again=True)
    monkeypatch.setattr(type(running.server), "page", page)
    tasks = await occupied(running, 3)
    try:
        (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=True)
    finally:
        await ended(tasks)
    assert found.measures["running"] == 1


async def test_a_long_prompt_is_not_a_hang(serve, look, idle):
    """Nothing moves, but its processes compute: busy for a while, then unknown; never stalled."""
    idle(True)
    running = await serve(mood={"hangs": True})
    tasks = await occupied(running, 1)
    try:
        (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=True)
        assert found.status is Status.INFO
        while found.status is Status.INFO:
            (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=True)
            await asyncio.sleep(0.1)
    finally:
        await ended(tasks)
    assert found.status is Status.UNKNOWN


async def test_what_nobody_can_see_is_unknown_before_it_is_stalled(serve, look, idle):
    """No pages, no processes to look at: it takes longer to be sure, and until then it is not called well."""
    idle(None)
    running = await serve(mood={"hangs": True}, pages=False)
    (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=True)
    assert found.status is Status.UNKNOWN
    while found.status is Status.UNKNOWN:
        (found,) = await look(generates, running.target(), thresholds=FAST, looks_again=True)
    assert found.code == "llm.generation-stalled"


async def test_a_new_process_is_asked_at_once(serve, look, idle, processes):
    """What an earlier process has proved says nothing of this one."""
    running = await serve()
    processes.set("it", pid=100, uptime_s=50.0)
    await look(generates, running.target(), looks_again=True)
    processes.set("it", pid=101, uptime_s=0.0)
    (found,) = await look(generates, running.target(), looks_again=True)
    assert found.status is Status.OK
    assert running.canaries == 2


async def test_an_idle_server_that_takes_too_long_is_slow(serve, look, idle):
    """Twice running; the times stand in the evidence."""
    running = await serve(mood={"first_s": 0.3})
    (found,) = await look(generates, running.target(), thresholds={"response_s": 0.1, "stalled_after_s": 5})
    assert (found.code, found.status) == ("llm.slow", Status.WARNING)
    assert "first token" in found.evidence[0].text
    assert running.canaries == 2


async def test_below_half_of_the_usual_has_a_name_of_its_own(serve, look, idle, bench):
    """Only then may a restart follow by itself."""
    running = await serve()
    ledger = Ledger(bench.settings, running.target())
    with ledger.opened(bench.clock.now().timestamp()) as page:
        page.rates, page.way = [100.0] * 6, "completions"
    running.server.mood.first_s, running.server.mood.token_s = 0.3, 0.1
    thresholds = {"response_s": 0.2, "stalled_after_s": 5, "sample_every_s": 0}
    (found,) = await look(generates, running.target(tokens_per_hour=500), thresholds=thresholds)
    assert found.code == "llm.slowed-down"
    assert "100.0 tokens/s" in found.because


@pytest.mark.parametrize(
    ("text", "words"), [("GGGGGGGG", "times running"), ("", "nothing at all"), ("�" * 40, "no text")]
)
async def test_degenerate_output_is_for_people(serve, look, idle, text, words):
    """Empty, endless, or no text: confirmed by a second, longer question."""
    running = await serve()
    await look(generates, running.target(tokens_per_hour=900))
    running.server.mood.text = text
    (found,) = await look(generates, running.target(tokens_per_hour=900), thresholds={"sample_every_s": 0})
    assert found.code == "llm.degenerate-output"
    assert words in found.observed


async def test_chat_is_used_where_there_are_no_completions(serve, look, idle, bench, monkeypatch):
    """A hosted server may offer nothing else; it is remembered."""
    running = await serve()
    only_chat(monkeypatch)
    (found,) = await look(generates, running.target())
    assert found.status is Status.OK, found.observed
    assert Ledger(bench.settings, running.target()).read().way == "chat"


def only_chat(monkeypatch):
    """Take `/v1/completions` away from the stand-in."""
    from paramedic.drills.servers.model_server import Conversation

    whole = Conversation._generate

    async def generate(self, path, headers, body):
        if path == "/v1/completions":
            await self._send(404, {"error": {"message": "unknown path"}})
        else:
            await whole(self, path, headers, body)

    monkeypatch.setattr(Conversation, "_generate", generate)


async def test_a_limit_is_respected(serve, look, idle):
    """429 says for how long; until then nothing is asked."""
    running = await serve(mood={"limits_s": 30})
    (found,) = await look(generates, running.target())
    assert (found.code, found.measures["retry_after_s"]) == ("llm.rate-limited", 30)
    asked = len(running.server.asked)
    await look(generates, running.target())
    assert len(running.server.asked) == asked


async def test_a_model_that_does_not_fit_says_so(serve, look, idle):
    """Ollama's words; the advice computes what would fit."""
    running = await serve(mood={"refuses": "model requires more system memory (38.4 GiB) than is available (3.1 GiB)"})
    (found,) = await look(generates, running.target())
    assert found.code == "llm.out-of-memory"
    assert "parameters" in (found.hint or "")


async def test_errors_of_generation_have_their_names(serve, look, idle):
    """Another error, a model that is not there, and nobody at all."""
    running = await serve(mood={"refuses": "tensor exploded"})
    (found,) = await look(generates, running.target())
    assert found.code == "llm.error"
    running.server.mood.refuses = ""
    (found,) = await look(generates, Llm(base_url=f"http://127.0.0.1:{free_port()}/v1"))
    assert found.code == "llm.refused"


async def test_a_hosted_model_needs_a_permit():
    """Its tokens cost money; a model on this machine may be asked without."""
    assert generates.asks(Llm(base_url="https://api.example.com/v1")) == (Permit.SPENDS,)
    assert generates.asks(Llm(base_url="http://127.0.0.1:8080/v1")) == ()


async def test_nothing_is_spent_that_cannot_be_written_down(serve, look, idle, bench):
    """Without a ledger nobody could keep the budget."""
    running = await serve()
    bench.settings.state_dir.write_text("not a folder")
    (found,) = await look(generates, running.target())
    assert found.status is Status.UNKNOWN
    assert running.server.asked == []


async def test_a_stopped_server_is_told_as_such(look, idle):
    """It accepts and says nothing at all: no question of generation."""
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(30), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await look(generates, Llm(base_url=f"http://127.0.0.1:{port}"), timeout_s=9)
        server.close()
    assert found.code == "llm.timeout"
