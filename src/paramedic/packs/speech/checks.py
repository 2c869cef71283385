"""Does it answer, has it the voice, and can it be heard?"""

from dataclasses import replace

from paramedic.packs.http.answer import Answer, NoAnswer, Trouble
from paramedic.packs.http.codes import RATE_LIMITED
from paramedic.packs.http.judge import excerpt
from paramedic.packs.http.patience import asked_to_wait_s, keep_away, still_waiting
from paramedic.packs.http.unreached import unreached
from paramedic.packs.speech.codes import (
    AUDIO_INVALID,
    ERROR,
    REFUSED,
    SILENT,
    SLOW,
    TIMEOUT,
    UNAUTHORIZED,
    VOICE_MISSING,
)
from paramedic.packs.speech.sound import NoSound, Sound, hear
from paramedic.packs.speech.target import Speech
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.sdk import Context, Depth, Finding, Status, check

_QUIETEST_PEAK = 0.005
"""Of full scale, -46 dB: the noise of a sound card, and no word."""
_SHORTEST_S = 0.05
_SLOW_MS = 10_000.0
_HOUR_S = 3600.0
_SPOKEN = "spoken well"


@check(
    REFUSED,
    TIMEOUT,
    ERROR,
    UNAUTHORIZED,
    VOICE_MISSING,
    RATE_LIMITED,
    DNS_UNRESOLVED,
    of=Speech,
    imports=("paramedic.packs.speech.asking",),
    timeout_s=5,
    every_s=10,
)
async def answers(server: Speech, context: Context) -> Finding:
    """The speech server answers, and has the voice that the service uses.

    Looks at: its list of voices, which costs nothing; a server that has none only has to answer.
    Why: without it the bot is dumb, and with another voice it is somebody else.
    By hand: ``curl -sS -i URL/v1/audio/voices``
    Healed by: restart-component when it is refused, silent or answers errors; voices and keys go to a person.
    """
    from paramedic.packs.speech.asking import Refused, voices  # aiohttp takes long to import

    if waiting := still_waiting(context):
        return waiting
    began = context.clock.monotonic()
    try:
        known = await voices(server, context.remaining_s * SHARE_OF_TIME, context.clock)
    except Refused as refused:
        return _refused(refused.answer, context)
    except NoAnswer as none:
        return _no_answer(none, server, context)
    latency_ms = (context.clock.monotonic() - began) * 1000
    if known is not None and server.voice is not None and str(server.voice) not in known:
        some = ", ".join(f"`{each}`" for each in sorted(known)[:8])
        return context.critical(
            VOICE_MISSING,
            observed=f"the server has no voice `{server.voice}`",
            expected="the voice that the service uses",
            because=f"it lists {len(known)} others: {some}",
            hint="install the voice, or correct `voice` here and where the service takes it from",
        )
    many = f", with {len(known)} voices" if known else ""
    return context.ok(f"answered in {latency_ms:.0f} ms{many}", latency_ms=latency_ms)


@check(
    REFUSED,
    TIMEOUT,
    ERROR,
    UNAUTHORIZED,
    AUDIO_INVALID,
    SILENT,
    SLOW,
    RATE_LIMITED,
    DNS_UNRESOLVED,
    of=Speech,
    when=lambda server: server.words_per_hour > 0,
    asks=lambda server: server.permits,
    imports=("paramedic.packs.speech.asking",),
    timeout_s=30,
    every_s=300,
    depth=Depth.FULL,
)
async def speaks(server: Speech, context: Context) -> Finding:
    """A word is spoken, and can be heard.

    Looks at: one short word, at most ``words_per_hour`` times an hour while all is well; at a hosted server only where
    the service file says ``permits: [spends]``. Of a WAV file the samples are looked at, of others only what they are.
    Threshold: ``latency_ms`` (10000) for how long a word may take.
    Why: a server can list its voices while its engine hangs, breaks off, or speaks silence.
    By hand: ``curl -sS URL/v1/audio/speech -H 'Content-Type: application/json'
    -d '{"model": "tts-1", "voice": "VOICE", "input": "one", "response_format": "wav"}' -o word.wav``
    Healed by: restart-component when it hangs or answers errors; what is spoken wrongly goes to a person.
    """
    from paramedic.packs.speech.asking import Refused, speak  # aiohttp takes long to import

    if waiting := still_waiting(context):
        return waiting
    if before := _spoken_lately(server, context):
        return before
    now = context.clock.monotonic()
    try:
        answer = await speak(server, context.remaining_s * SHARE_OF_TIME, context.clock)
    except Refused as refused:
        return _refused(refused.answer, context)
    except NoAnswer as none:
        return _no_answer(none, server, context)
    took_ms = (context.clock.monotonic() - now) * 1000
    try:
        found = _heard(hear(answer.body), took_ms, server, context)
    except NoSound as none:
        return context.critical(
            AUDIO_INVALID,
            observed=f"for the word `{server.word}` no audio came back",
            expected="audio",
            because=f"{none}; its type is `{answer.headers.get('content-type', 'not told')}`",
            hint=f"try it with `curl` against `{server.shown}`, and read the server's log around now; correct `api`",
        )
    if found.status is Status.OK:
        context.memory[_SPOKEN] = (now, found)
    return found


def _spoken_lately(server: Speech, context: Context) -> Finding | None:
    """The last word, where it was well, is recent enough, and the process that spoke it is still there."""
    last = context.memory.pop(_SPOKEN, None)
    if not isinstance(last, tuple):
        return None
    ago_s = context.clock.monotonic() - last[0]
    uptime_s = context.processes.facts(context.component).uptime_s
    if ago_s >= _HOUR_S / server.words_per_hour or (uptime_s is not None and uptime_s < ago_s):
        return None
    context.memory[_SPOKEN] = last
    before: Finding = last[1]
    return replace(before, observed=f"{before.observed} {ago_s:.0f} s ago; not asked again yet")


def _heard(sound: Sound, took_ms: float, server: Speech, context: Context) -> Finding:
    if sound.seconds is not None and sound.seconds < _SHORTEST_S:
        raise NoSound(f"a {sound.format} file of only {sound.seconds * 1000:.0f} ms came back")
    if sound.peak is not None and sound.peak < _QUIETEST_PEAK:
        return context.critical(
            SILENT,
            observed=f"the word `{server.word}` came back as {sound.seconds:.1f} s of silence",
            expected="something that can be heard",
            because=f"its loudest sample is {100 * sound.peak:.2f} % of full scale, "
            f"its root mean square {100 * (sound.rms or 0):.2f} %",
            hint="listen to it, and read the server's log for errors of its engine or a missing voice file; "
            "a restart helps where the engine is stuck",
        )
    if took_ms > (longest_ms := context.threshold("latency_ms", _SLOW_MS)):
        slow = context.warning(
            SLOW,
            observed=f"the word `{server.word}` took {took_ms:.0f} ms",
            expected=f"at most {longest_ms:.0f} ms",
            because="the audio itself is as it should be",
            hint="look at the load of its machine, and whether it uses its accelerator",
        )
        return replace(slow, measures={"latency_ms": took_ms})
    length = f" of {sound.seconds:.1f} s" if sound.seconds is not None else ""
    return context.ok(
        f"`{server.word}` was spoken in {took_ms:.0f} ms as {sound.format}{length}",
        latency_ms=took_ms,
        **({"peak_percent": 100 * sound.peak} if sound.peak is not None else {}),
    )


def _refused(answer: Answer, context: Context) -> Finding:
    if answer.status in (401, 403):
        return context.critical(
            UNAUTHORIZED,
            observed=f"answered {answer.title}",
            expected="an answer",
            because="the server refuses who asks",
            hint=f"check `api_key` of `{context.component.name}`, and that it has not expired",
        )
    if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
        wait_s = asked_to_wait_s(answer.headers.get("retry-after", ""), context.clock.now())
        found = context.warning(
            RATE_LIMITED,
            observed=f"answered {answer.title}, come back in {wait_s:.0f} s",
            expected="an answer",
            because="the server asks to be called less often",
            hint="let the service call it less often, or raise its limit",
        )
        found = replace(found, measures={"retry_after_s": wait_s})
        keep_away(found, context)
        return found
    return context.critical(
        ERROR,
        observed=f"answered {answer.title}",
        expected="200",
        because="it was reached and failed while answering"
        if answer.status >= 500
        else "it does not know the question",
        hint=f"read its log around now; correct `url`, `api`, `model` or `voice` of `{context.component.name}`",
        evidence=excerpt(answer),
    )


def _no_answer(none: NoAnswer, server: Speech, context: Context) -> Finding:
    if found := unreached(none, server.address, context, refused=REFUSED):
        return found
    if none.trouble is Trouble.TIMEOUT:
        return context.critical(
            TIMEOUT,
            observed=f"no whole answer from `{server.shown}`",
            expected="an answer in time",
            because=str(none),
            hint="look at the load of its machine; if the process hangs, `py-spy dump --pid PID` shows where, "
            "and a restart frees it",
        )
    return context.critical(
        ERROR,
        observed=f"what answers at `{server.shown}` is no speech server",
        expected="an answer over HTTP",
        because=str(none),
        hint="correct `url`; look with `curl -v` what answers there",
    )
