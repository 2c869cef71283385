"""Is the model server there, does it let the service in, and does it have its model?"""

from paramedic.packs.http.answer import NoAnswer, readable
from paramedic.packs.http.patience import keep_away, still_waiting
from paramedic.packs.llm import codes
from paramedic.packs.llm.judge import Names, Refusal, judge_none, judge_status, shown_models
from paramedic.packs.llm.target import Llm
from paramedic.packs.tcp.checks import DNS_UNRESOLVED, SHARE_OF_TIME
from paramedic.sdk import Context, Finding, check

NAMES = Names(
    refused=codes.REFUSED,
    timeout=codes.TIMEOUT,
    unauthorized=codes.UNAUTHORIZED,
    rate_limited=codes.RATE_LIMITED,
    loading=codes.LOADING,
    error=codes.ERROR,
)


@check(
    codes.REFUSED,
    codes.TIMEOUT,
    codes.UNAUTHORIZED,
    codes.RATE_LIMITED,
    codes.LOADING,
    codes.ERROR,
    codes.MODEL_MISSING,
    DNS_UNRESOLVED,
    of=Llm,
    imports=("paramedic.packs.llm.line",),
    timeout_s=5,
    every_s=5,
)
async def answers(server: Llm, context: Context) -> Finding:
    """The model server is there, lets the service in, and has its model.

    Looks at: the list of models (``/v1/models``, else Ollama's ``/api/tags``), with the service's key. No token is
    spent. A server that asks to be called less often is not asked before that time.
    Why: without the server, its permission or the model there is no answer to anything.
    By hand: ``curl -sS -H "Authorization: Bearer $KEY" http://127.0.0.1:11434/v1/models``
    Healed by: restart-component where it is down or answers nothing; pull-model, once a person agrees, where the model
    is missing; keys go to a person.
    """
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import
    from paramedic.packs.llm.models import offer

    if waiting := still_waiting(context):
        return waiting
    try:
        async with Line(server, context.clock) as line:
            found = await offer(line, server, context.remaining_s * SHARE_OF_TIME)
    except NoAnswer as none:
        return judge_none(none, server, NAMES, context)
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
        judged = judge_status(refusal, NAMES, context)
        if judged.code == codes.RATE_LIMITED.id:
            keep_away(judged, context)
        return judged
    if found.names is None:
        return context.critical(
            codes.ERROR,
            observed=f"the list of models is none: {answer.text[:80]!r}",
            expected="an OpenAI-compatible API",
            because="something answers there, and it is no model server, or one of another protocol",
            hint=f"compare with `curl -sS {server.api}/models`, and correct `base_url`",
        )
    if not found.names or (server.model and not found.has(server.model)):
        wanted = f"the model `{server.model}`" if server.model else "any model"
        return context.critical(
            codes.MODEL_MISSING,
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
