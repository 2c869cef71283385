"""Is a model server there, does it let the service in, and does it have its model? The same for every kind of model."""

from paramedic.packs.http.answer import NoAnswer, Trouble, readable
from paramedic.packs.http.patience import keep_away, still_waiting
from paramedic.packs.llm import machine
from paramedic.packs.llm.judge import Names, Refusal, judge_none, judge_status, shown_models
from paramedic.packs.llm.target import ModelServer
from paramedic.packs.process.words import spell
from paramedic.sdk import Context, Finding

_SHARE_OF_TIME = 0.6
"""The rest is for looking whether a silent server computes."""
_SILENT = "silent since"
_BUSY_FOR_S = 300.0


async def is_there(server: ModelServer, codes: Names, context: Context) -> Finding:
    """Look at the list of its models; no token is spent."""
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import
    from paramedic.packs.llm.models import offer

    if waiting := still_waiting(context):
        return waiting
    try:
        async with Line(server, context.clock) as line:
            found = await offer(line, server, context.remaining_s * _SHARE_OF_TIME)
    except NoAnswer as none:
        return await judge_silence(none, server, codes, context)
    context.memory.pop(_SILENT, None)
    answer = found.answer
    if answer.status in (404, 405):
        return context.info(
            f"the server keeps no list of its models (answered {answer.title})", latency_ms=found.took_ms
        )
    if answer.status != 200:
        refusal = Refusal(
            status=answer.status,
            title=answer.title,
            said=answer.text,
            retry_after=readable(answer.headers.get("retry-after", "")),
        )
        judged = judge_status(refusal, codes, context)
        if judged.code == codes.rate_limited.id:
            keep_away(judged, context)
        return judged
    if found.names is None:
        return context.critical(
            codes.error,
            observed=f"the list of models is none: {answer.text[:80]!r}",
            expected="an OpenAI-compatible API",
            because="something answers there, and it is no model server, or one of another protocol",
            hint=f"compare with `curl -sS {server.api}/models`, and correct `base_url`",
        )
    if not found.names or (server.model and not found.has(server.model)):
        wanted = f"the model `{server.model}`" if server.model else "any model"
        return context.critical(
            codes.model_missing,
            observed=f"the server does not have {wanted}; it has {shown_models(found.names)}",
            expected=f"{wanted} among its models",
            because="the server answers, so that only the model is missing, or has another name there",
            hint=f"`paramedic recover` fetches it (`ollama pull {server.model or 'MODEL'}` where that is an Ollama), "
            "or correct `model`",
        )
    return context.ok(
        f"the server answered in {found.took_ms:.0f} ms and has {f'`{server.model}`' if server.model else 'a model'}",
        latency_ms=found.took_ms,
    )


async def judge_silence(none: NoAnswer, server: ModelServer, codes: Names, context: Context) -> Finding:
    """The finding where nothing came back: a server whose every connection is taken, and that computes, is busy.

    llm.timeout leads to a restart, and a restart of a busy server takes away the answers of all who wait.
    """
    if none.trouble is not Trouble.TIMEOUT:
        context.memory.pop(_SILENT, None)
        return judge_none(none, server, codes, context)
    if not await machine.computes_now(server, context):
        return judge_none(none, server, codes, context)
    now = context.clock.monotonic()
    since = context.memory.setdefault(_SILENT, now)
    assert isinstance(since, float)
    if now - since < context.threshold("busy_for_s", _BUSY_FOR_S):
        return context.info("busy: it computes, and takes no more requests now")
    return context.unknown(
        f"it computes, and has answered nobody for {spell(now - since)}",
        hint="too many requests at once, or an endless loop; look at its log, and at who is connected",
    )
