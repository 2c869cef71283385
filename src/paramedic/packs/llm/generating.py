"""Does the model generate, in time, and is it text?"""

from dataclasses import replace
from typing import TYPE_CHECKING

from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.http.patience import keep_away, still_waiting
from paramedic.packs.llm import codes, machine, shortage, traffic
from paramedic.packs.llm.checks import NAMES
from paramedic.packs.llm.judge import Refusal, judge_status
from paramedic.packs.llm.ledger import CannotKeep, Ledger, Page
from paramedic.packs.llm.measured import measured
from paramedic.packs.llm.output import what_is_wrong
from paramedic.packs.llm.presence import judge_silence
from paramedic.packs.llm.pulse import Pulse, pulse_of
from paramedic.packs.llm.target import Llm
from paramedic.packs.process.words import spell
from paramedic.packs.tcp.checks import SHARE_OF_TIME
from paramedic.sdk import Context, Depth, Evidence, Finding, check

if TYPE_CHECKING:
    from paramedic.packs.llm.activity import Activity
    from paramedic.packs.llm.canary import Depth as Question
    from paramedic.packs.llm.canary import Said
    from paramedic.packs.llm.line import Line, Spoken

_CANARY_EVERY_S = 300.0
_SAMPLE_EVERY_S = 3600.0
_RETRY_EVERY_S = 30.0
_STALLED_AFTER_S = 20.0
_STILL_AFTER_S = 45.0
"""A busy server that moves nothing may be reading a long prompt."""
_SURE_AFTER_S = 120.0
"""So long where nobody can see whether its processes compute."""
_RESPONSE_S = 10.0
_FEWEST_S = 0.5
_ANSWER_S = 3.0
_SPARE_S = 8.0
"""What two hung pages and the list of models may take."""
_SEEN_IN_ANSWERS = {codes.DEGENERATE.id, codes.SLOW.id, codes.SLOWED_DOWN.id}
_GLANCE_S = 2.0
_PATIENT_S = 8.0
_CHAT_SAMPLES = 6
"""Where a canary needs a whole chat, longer samples are so much rarer."""


@check(
    codes.STALLED,
    codes.SLOW,
    codes.SLOWED_DOWN,
    codes.DEGENERATE,
    codes.OUT_OF_MEMORY,
    codes.MODEL_MISSING,
    *NAMES.of_every_look,
    of=Llm,
    asks=lambda server: server.permits,
    depth=Depth.FULL,
    imports=("paramedic.packs.llm.canary",),
    timeout_s=60,
    every_s=10,
)
async def generates(server: Llm, context: Context) -> Finding:
    """The model generates tokens, in time, and they are text.

    Looks at: first what costs nothing: the server's slots and counters (``/slots``, ``/metrics``), the service's own
    circuit breaker (``breaker``), whether its processes compute. While these prove that tokens flow, or that it is
    busy, nothing is asked. Else a canary of one token every ``canary_every_s`` (300), and once in ``sample_every_s``
    (3600) an answer of 16 tokens; together at most ``tokens_per_hour`` (60) of a healthy model, ten times that of a
    failing one. Stalled: idle, and no token within ``stalled_after_s`` (20) although its processes do nothing; or
    busy, and nothing of it moves for ``still_after_s`` (45). Slow: one token takes an idle server longer than
    ``response_s`` (10), twice. While it fails, it is asked every ``retry_every_s`` (30). What cannot be told is
    unknown. A hosted model is asked only with ``permits: [spends]``.
    Why: a server can say that it is healthy while every answer waits for ever.
    By hand: ``curl -N http://127.0.0.1:8080/v1/completions -d '{"prompt": "1", "max_tokens": 1, "stream": true}'``
    Healed by: restart-component where it is stalled; where it is only slow, once a person agrees, and by itself only
    where it is idle and below half of its usual tokens per second. What it says is for people to judge.
    """
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import

    if waiting := still_waiting(context):
        return waiting
    pulse, ledger = pulse_of(context), Ledger(context.service.settings, server)
    async with Line(server, context.clock) as line:
        look = _Look(server, context, line, pulse, ledger)
        found = await look.judge()
    if found.code == codes.RATE_LIMITED.id:
        keep_away(found, context)
    _note(found, ledger, context)
    return found


def _note(found: Finding, ledger: Ledger, context: Context) -> None:
    """Remember whether it fails, where that is known."""
    is_failing = found.status.is_failing and found.code not in (codes.RATE_LIMITED.id, codes.LOADING.id)
    if found.status.name != "UNKNOWN":
        ledger.note(is_failing=is_failing, now=context.clock.now().timestamp())


class _Look:
    """One look, with all that it needs."""

    def __init__(self, server: Llm, context: Context, line: "Line", pulse: Pulse, ledger: Ledger) -> None:
        self.server, self.context, self.line, self.pulse, self.ledger = server, context, line, pulse, ledger
        self.clock = context.clock

    async def judge(self) -> Finding:
        """What can be told without asking, else what the canary says."""
        now = await self._observe()
        pulse = self.pulse
        activity = pulse.activity
        if activity and (activity.is_busy or activity.silent):
            return await self._while_busy(activity)
        if pulse.proved_at == now and not self._needs_another_answer():
            pulse.verdict = None
            return self._alive(now)
        if not self._is_due(now):
            return pulse.verdict or self._alive(now)
        return await self._canary()

    def _needs_another_answer(self) -> bool:
        """Whether what was wrong last is nothing that counters could tell to be over."""
        return self.pulse.verdict is not None and self.pulse.verdict.code in _SEEN_IN_ANSWERS

    # ------------------------------------------------------------------ what costs nothing

    async def _observe(self, limit_s: float = _GLANCE_S) -> float:
        """Read what the server and its surroundings tell; note whatever proves that it lives."""
        from paramedic.packs.llm.activity import read_activity

        pulse, now = self.pulse, self.clock.monotonic()
        limit_s = max(_FEWEST_S, min(limit_s, (self.context.remaining_s - 1) / 2))
        seen = await read_activity(self.line, self.server, now, skip=pulse.absent, limit_s=limit_s)
        pulse.absent |= seen.absent
        before, pulse.activity = pulse.activity, seen
        if before and seen.has_moved(before):
            pulse.prove(now, "its counters move")
        if answers := await traffic.answered(self.server, self.context):
            pulse.prove(now, f"the service got {answers} answers from it")
        return now

    async def _while_busy(self, seen: "Activity") -> Finding:
        """A server that works on something, or does not find the time to tell: it is never asked to do more."""
        context, pulse = self.context, self.pulse
        if seen.silent and (nothing := await self._says_nothing()):
            return nothing
        while pulse.proved_at is None and context.remaining_s > _SPARE_S:
            if await self._still_s() >= (_GLANCE_S if context.looks_again else self._still_after_s(seen)):
                break
            await self.clock.sleep(_FEWEST_S)  # a lone look has nothing earlier to compare with
            await self._observe()
            seen = pulse.activity or seen
            if not (seen.is_busy or seen.silent):
                return await self.judge() if pulse.proved_at is None else self._alive(self.clock.monotonic())
        if pulse.proved_at == seen.at:
            if self._needs_another_answer():
                return pulse.verdict or self._alive(seen.at)
            pulse.verdict = None
            words = f", {seen.in_words}" if seen.in_words else ""
            return measured(context.ok(f"it generates: {pulse.proof}{words}; nothing was asked"), _measures(seen))
        after_s = self._still_after_s(seen)
        if await self._still_s() >= after_s:
            now = await self._observe(_PATIENT_S)  # it may be our own machine that has no time
            if pulse.proved_at == now:
                return self._alive(now)
            seen = pulse.activity or seen
        return self._judge_stillness(await self._still_s(), seen, after_s)

    async def _says_nothing(self) -> Finding | None:
        """A finding where not even the list of models comes back."""
        from paramedic.packs.llm.models import offer

        try:
            await offer(self.line, self.server, min(_ANSWER_S, self.context.remaining_s * SHARE_OF_TIME))
        except NoAnswer as none:
            found = await judge_silence(none, self.server, NAMES, self.context)
            self.pulse.verdict = found if found.status.is_failing else None
            return found
        return None

    def _still_after_s(self, seen: "Activity") -> float:
        """How long it may seem to do nothing: a page that hangs while nothing computes says more than no news."""
        if seen.silent:
            return self._threshold("stalled_after_s", _STALLED_AFTER_S)
        return self._threshold("still_after_s", _STILL_AFTER_S)

    async def _still_s(self) -> float:
        """How long nothing has moved that should have; what its processes do is looked at now."""
        pulse = self.pulse
        pulse.machine = await machine.seen(self.server, self.context)
        return pulse.is_still(self.clock.monotonic(), pulse.machine)

    def _judge_stillness(self, still_s: float, seen: "Activity", after_s: float) -> Finding:
        """Nothing moved for some time, although it should have."""
        context, pulse = self.context, self.pulse
        assert pulse.machine is not None  # `_still_s` has set it
        computed = pulse.machine.computed_since(pulse.still_machine)
        what = seen.in_words or "it does not say what it works on"
        if seen.silent:
            what = f"{' and '.join(sorted(seen.silent))} did not answer"
        if computed:
            text = f"it computes, and has generated nothing that can be seen for {spell(still_s)} ({what})"
            if still_s < 5 * after_s:
                return measured(context.info(f"busy: {text}"), _measures(seen))
            return context.unknown(
                text, hint="a very long prompt, or an endless loop; look at its log, and at what it was asked last"
            )
        if computed is None and not (seen.tells and not seen.is_busy):
            after_s = max(after_s, self._threshold("sure_after_s", _SURE_AFTER_S))
        if still_s < after_s:
            if pulse.verdict is None and pulse.proved_at is not None:
                return self._alive(self.clock.monotonic())
            return pulse.verdict or context.unknown(f"nothing has moved for {spell(still_s)} so far ({what})")
        because = (
            "its processes do not compute"
            if computed is False
            else "nobody here can see whether its processes compute; this long it took to be sure"
        )
        pulse.verdict = self._stalled(still_s, what, because, seen)
        return pulse.verdict

    def _stalled(self, still_s: float, what: str, because: str, seen: "Activity") -> Finding:
        found = self.context.critical(
            codes.STALLED,
            observed=f"no token for {spell(still_s)}; {what}",
            expected=f"a token within {self._threshold('stalled_after_s', _STALLED_AFTER_S):g} s",
            because=f"the server takes requests, and {because}",
            hint="restart the model server; its log, or `py-spy dump --native --pid PID`, shows where it hangs",
        )
        return measured(found, _measures(seen))

    # ------------------------------------------------------------------ what costs tokens

    def _is_due(self, now: float) -> bool:
        """Whether the canary should be sent now, as far as the time since the last one tells."""
        context, pulse = self.context, self.pulse
        if not context.looks_again:
            return True
        if pulse.verdict is not None:
            return pulse.asked_at is None or now - pulse.asked_at >= self._threshold("retry_every_s", _RETRY_EVERY_S)
        if pulse.still_since is not None:
            return True  # not sure yet
        self._take_over_proof(now)
        return pulse.proved_at is None or now - pulse.proved_at >= self._pace_s(self.ledger.read())

    def _take_over_proof(self, now: float) -> None:
        """What an earlier run of Paramedic has proved of a process that still lives."""
        page, pulse = self.ledger.read(), self.pulse
        if pulse.proved_at is not None or page.is_failing or not page.proved_at:
            return
        age_s = self.clock.now().timestamp() - page.proved_at
        uptime_s = self.context.processes.facts(self.context.component).uptime_s
        if 0 <= age_s <= (uptime_s if uptime_s is not None else _CANARY_EVERY_S):
            pulse.proved_at, pulse.proof = now - age_s, "as an earlier run has seen"

    def _pace_s(self, page: Page) -> float:
        """How far apart canaries must be, so that the budget of an hour lasts for one."""
        from paramedic.packs.llm.canary import Depth as Question
        from paramedic.packs.llm.canary import price

        every_s = self._threshold("canary_every_s", _CANARY_EVERY_S)
        rest = self.server.tokens_per_hour - (0 if page.way == "chat" else price(page, Question.SAMPLE))
        return max(every_s, 3600 * price(page, Question.TOKEN) / max(1, rest))

    async def _canary(self) -> Finding:
        from paramedic.packs.llm.canary import Depth as Question
        from paramedic.packs.llm.ledger import TooDear

        context, pulse = self.context, self.pulse
        if not self.server.tokens_per_hour:
            return self._not_asked("`tokens_per_hour` is 0")
        pulse.machine = await machine.seen(self.server, context)
        began = self.clock.monotonic()
        try:
            said = await self._ask(Question.SAMPLE if self._wants_sample() else Question.TOKEN)
            pulse.asked_at = began
            found = self._judge_error(said.spoken) or await self._judge_speech(said, began)
        except (TooDear, CannotKeep) as why:
            return self._not_asked(str(why))
        except NoAnswer as none:
            silence = await judge_silence(none, self.server, NAMES, context)
            pulse.verdict = silence if silence.status.is_failing else None
            return silence
        await self._observe()  # so that our own tokens prove nothing later
        pulse.verdict = found if found.status.is_failing else None
        return found

    async def _ask(self, depth: "Question") -> "Said":
        """One question."""
        from paramedic.packs.llm.canary import ask

        limit_s = min(
            max(self._threshold("stalled_after_s", _STALLED_AFTER_S), self._threshold("response_s", _RESPONSE_S)),
            self.context.remaining_s * SHARE_OF_TIME - 2,
        )
        return await ask(self.line, self.server, self.ledger, depth, limit_s=max(_FEWEST_S, limit_s), clock=self.clock)

    def _wants_sample(self) -> bool:
        from paramedic.packs.llm.canary import Depth as Question
        from paramedic.packs.llm.canary import price

        page = self.ledger.read()
        if self.pulse.verdict is not None and self.pulse.verdict.code == codes.DEGENERATE.id:
            return True
        now = self.clock.now().timestamp()
        every_s = self._threshold("sample_every_s", _SAMPLE_EVERY_S) * (_CHAT_SAMPLES if page.way == "chat" else 1)
        if page.way == "" or 0 <= now - page.sampled_at < every_s:
            return False
        return page.spent_lately(now) + price(page, Question.SAMPLE) <= self.server.tokens_per_hour

    def _judge_error(self, spoken: "Spoken") -> Finding | None:
        """An answer that is an error, or breaks off."""
        context = self.context
        if spoken.status in (0, 200) and not spoken.said:
            if not spoken.is_alive and (wrong := spoken.broke_off or spoken.strange):
                return context.critical(
                    codes.ERROR,
                    observed="the answer is no stream of tokens, or broke off",
                    expected="tokens as server-sent events",
                    because=wrong,
                    hint="read the server's log around now",
                )
            return None
        told = spoken.said.lower()
        if short := shortage.in_words(spoken.said):
            return shortage.finding(short, self.server, context)
        if spoken.status in (400, 404) and "model" in told and ("not found" in told or "not exist" in told):
            return context.critical(
                codes.MODEL_MISSING,
                observed=f"answered {spoken.title}: it does not have `{self.server.model}`",
                expected="a server with the model that the service uses",
                because="it said so when it was asked to generate",
                hint="`paramedic recover` fetches it, or correct `model`",
            )
        return judge_status(
            Refusal(
                status=spoken.status if spoken.status != 200 else 500,
                title=spoken.title,
                said=spoken.said,
                retry_after=spoken.retry_after,
            ),
            NAMES,
            context,
        )

    async def _judge_speech(self, said: "Said", began: float) -> Finding:
        from paramedic.packs.llm.canary import Depth as Question
        from paramedic.packs.llm.ledger import TooDear

        spoken, pulse, tokens = said.spoken, self.pulse, said.tokens
        before = pulse.activity
        if not spoken.is_alive:
            return await self._judge_silence(began)
        if pulse.activity and pulse.activity.pages:
            await self._observe()
        pulse.prove(self.clock.monotonic(), "it answered the canary")
        wrong = what_is_wrong(spoken.text)
        if wrong and (len(spoken.pieces) > 1 or not spoken.text.strip()):
            # one strange answer may be chance; a longer one to another question is not
            try:
                longer = await self._ask(Question.CONFIRM)
            except TooDear:
                longer = None
            if longer and longer.spoken.is_alive:
                spoken, tokens = longer.spoken, tokens + longer.tokens
                wrong = what_is_wrong(spoken.text)
            if wrong and (longer or len(spoken.pieces) > 1):
                return self._degenerate(wrong, spoken, tokens)
        pulse.measures = {**spoken.measures, "tokens_spent": float(tokens)}
        rate = 1000 / between if (between := spoken.between_tokens_ms) else None
        slow = await self._slow(spoken, began, rate, before)
        if rate and not slow:
            with self.ledger.opened(self.clock.now().timestamp()) as page:
                page.add_rate(rate)
        if slow:
            return slow
        first = f"the first token came after {spoken.first_token_ms:.0f} ms" if spoken.first_token_ms else "it answered"
        speed = f", then {rate:.1f} tokens/s" if rate else ""
        said_well = self.context.ok(f"{first}{speed}; {tokens} tokens spent")
        return measured(said_well, {**pulse.measures, **self._rate(rate)})

    async def _judge_silence(self, began: float) -> Finding:
        """No token came while we waited."""
        context, pulse = self.context, self.pulse
        before, started = pulse.activity, pulse.machine
        if pulse.still_since is None and started is not None:
            pulse.still_since, pulse.still_machine = began, started
        await self._observe()
        seen = pulse.activity
        assert seen is not None  # `_observe` has set it
        if before and seen.has_moved(before):
            waited = f"no token for us within {self.clock.monotonic() - began:.0f} s"
            words = seen.in_words or "its counters move"
            if (seen.running or 0) > 1 or seen.waiting:
                return measured(context.info(f"{waited}, because it is busy: {words}"), _measures(seen))
            return self._too_slow(f"{waited}, although its counters move", {}, None, seen)
        return self._judge_stillness(await self._still_s(), seen, self._threshold("stalled_after_s", _STALLED_AFTER_S))

    async def _slow(
        self, spoken: "Spoken", began: float, rate: float | None, before: "Activity | None"
    ) -> Finding | None:
        """A finding where an idle server took too long, and does so again."""
        from paramedic.packs.llm.canary import Depth as Question
        from paramedic.packs.llm.ledger import TooDear

        limit_s = self._threshold("response_s", _RESPONSE_S)
        least = self.context.component.thresholds.get("tokens_per_s")
        is_slow = spoken.took_s > limit_s or (least is not None and rate is not None and rate < least)
        seen = self.pulse.activity
        if not is_slow or (before and before.is_busy) or (seen and seen.is_busy):
            return None
        if spoken.took_s > limit_s and self.context.remaining_s > spoken.took_s + 4:
            try:
                again = await self._ask(Question.TOKEN)
            except TooDear:
                return None
            if again.spoken.is_alive and again.spoken.took_s <= limit_s:
                return None
        del began
        observed = f"an idle server took {spoken.took_s:.1f} s to answer" + (f", {rate:.1f} tokens/s" if rate else "")
        return self._too_slow(observed, self.pulse.measures, rate, seen)

    def _too_slow(
        self, observed: str, measures: dict[str, float], rate: float | None, seen: "Activity | None"
    ) -> Finding:
        usual = self.ledger.read().usual_rate
        is_slowed = rate is not None and usual is not None and rate < usual / 2
        told = [f"first token: {measures['first_token_ms']:.0f} ms"] if "first_token_ms" in measures else []
        if "between_tokens_ms" in measures:
            told.append(f"from token to token: {measures['between_tokens_ms']:.0f} ms")
        if usual is not None:
            told.append(f"usual: {usual:.1f} tokens/s")
        if seen and seen.in_words:
            told.append(seen.in_words)
        found = self.context.warning(
            codes.SLOWED_DOWN if is_slowed else codes.SLOW,
            observed=observed,
            expected=f"a short answer within {self._threshold('response_s', _RESPONSE_S):g} s",
            because="nobody else is being served, so that the server itself has become slow"
            if not is_slowed
            else f"it is idle, and usually generates {usual:.1f} tokens/s",
            hint="look at its threads, at swapping and at the accelerator; a restart helps where memory is fragmented "
            "or the model was moved off the accelerator",
            evidence=(Evidence(label="times", text="\n".join(told)),) if told else (),
        )
        return measured(found, {**measures, **self._rate(rate)})

    def _degenerate(self, wrong: str, spoken: "Spoken", tokens: int) -> Finding:
        return self.context.critical(
            codes.DEGENERATE,
            observed=f"the model answers {wrong}",
            expected="text",
            because="a short and a longer question got no better answer, at temperature 0",
            hint="compare the model's file with its digest, its chat template and quantisation with those it was made "
            "for, and try an earlier version of the server",
            evidence=(Evidence(label="what it said", text=spoken.text[:400] or "(nothing)"),),
            tokens_spent=tokens,
        )

    # ------------------------------------------------------------------ in words

    def _alive(self, now: float) -> Finding:
        pulse = self.pulse
        if pulse.proved_at is None:
            return self.context.unknown("nothing has proved yet that it generates")
        age_s = now - pulse.proved_at
        when = "just now" if age_s < 1 else f"{spell(age_s)} ago"
        if pulse.activity is None:
            return self.context.ok(f"it generated {when}: {pulse.proof}")
        return measured(self.context.ok(f"it generated {when}: {pulse.proof}"), _measures(pulse.activity))

    def _not_asked(self, why: str) -> Finding:
        """No canary may be sent: what was proved lately still holds, for a while."""
        now, pulse = self.clock.monotonic(), self.pulse
        if pulse.verdict is not None:
            return replace(pulse.verdict, observed=f"{pulse.verdict.observed}; not asked again, because {why}")
        self._take_over_proof(now)
        if pulse.proved_at is not None and now - pulse.proved_at < 2 * self._pace_s(self.ledger.read()):
            return self._alive(now)
        return self.context.unknown(
            f"whether it generates cannot be told: {why}",
            hint="raise `tokens_per_hour`, or let the server show `/slots` or `/metrics`, which cost nothing",
        )

    def _threshold(self, name: str, default: float) -> float:
        return self.context.threshold(name, default)

    @staticmethod
    def _rate(rate: float | None) -> dict[str, float]:
        return {"tokens_per_s": round(rate, 2)} if rate else {}


def _measures(seen: "Activity") -> dict[str, float]:
    found = {"running": seen.running, "waiting": seen.waiting, "kv_percent": seen.kv_percent}
    return {name: float(value) for name, value in found.items() if value is not None}
