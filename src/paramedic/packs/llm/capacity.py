"""Does the model hold what it is asked, and does it keep up?"""

import re
from typing import TYPE_CHECKING

from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.llm import codes
from paramedic.packs.llm.measured import measured
from paramedic.packs.llm.server_log import last_lines
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context, Depth, Evidence, Finding, check

if TYPE_CHECKING:
    from paramedic.packs.llm.line import Line

_REJECTED = re.compile(
    r"exceeds? the available context|maximum context length|context length exceeded|prompt is too long"
    r"|exceed_context_size|truncating input prompt|input (?:prompt )?(?:is )?too long|input length exceeds"
    r"|prompt.{0,20}truncat|context shift",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d{2,9}")
_LIMIT_S = 2.0


@check(codes.CONTEXT, of=Llm, depth=Depth.NORMAL, timeout_s=8, every_s=10, id="llm.context",
       imports=("paramedic.packs.llm.line",))  # fmt: skip
async def holds_prompts(server: Llm, context: Context) -> Finding:
    """The prompts of the service fit into the model's context.

    Looks at: the context that the server gives each request (``/slots``, ``/props``, the list of models), against
    ``context_tokens`` where that is declared; and its newest log lines, for prompts that were refused or cut.
    Why: a prompt that is refused is an error; one that is cut loses its instructions, and nobody is told.
    By hand: ``curl -sS http://127.0.0.1:8080/props | grep n_ctx``; ``journalctl -u ollama | grep -i truncat``
    Healed by: nothing automatic; shorten the prompts, or start the server with a longer context.
    """
    from paramedic.packs.llm.line import Line  # aiohttp takes long to import

    try:
        lines = await last_lines(server, context)
    except OSError as error:
        return context.unknown(f"the log `{server.log}` cannot be read: {error.strerror or error}")
    try:
        async with Line(server, context.clock) as line:
            given = await _context_of(server, line)
    except NoAnswer:
        given = None  # that it does not answer is told by another check
    rejected = [each.strip() for each in lines if _REJECTED.search(each)]
    wanted = server.context_tokens
    if rejected:
        numbers = [int(each) for each in _NUMBERS.findall(rejected[-1]) if given is None or int(each) > given]
        need = f"; the last one needed {max(numbers)} tokens" if given and numbers else ""
        return context.warning(
            codes.CONTEXT,
            observed=f"{len(rejected)} prompts were too long for the model lately{need}",
            expected=f"prompts within {given} tokens" if given else "prompts within the model's context",
            because=f"its log says: {rejected[-1][:200]}",
            hint="shorten the prompts (fewer or shorter documents and turns), or start the server with a longer "
            "context (`--ctx-size`, `--max-model-len`, `num_ctx`), for which it needs more memory",
            evidence=(Evidence(label="log", text="\n".join(rejected[-5:])),),
            rejected=len(rejected),
        )
    if given is not None and wanted is not None and given < wanted:
        return context.warning(
            codes.CONTEXT,
            observed=f"the server holds {given} tokens at once, the service uses up to {wanted}",
            expected=f"at least {wanted} tokens",
            because="longer prompts will be refused or cut",
            hint=f"start the server with a longer context for each request, or set the service's limit to {given}; "
            "servers divide what they are given among their slots",
            context_tokens=given,
        )
    if given is None:
        return context.ok("no prompt was refused or cut; the server does not tell how much it holds")
    return context.ok(f"no prompt was refused or cut; the server holds {given} tokens", context_tokens=given)


async def _context_of(server: Llm, line: "Line") -> int | None:
    """How long a prompt and its answer may be together, as the server says."""
    from paramedic.packs.llm.activity import read_activity
    from paramedic.packs.llm.models import offer
    from paramedic.packs.llm.strangers import document

    seen = await read_activity(line, server, 0.0, skip=frozenset({"/metrics"}))
    if seen.context_tokens:
        return seen.context_tokens
    answer = await line.page(f"{server.root}/props", _LIMIT_S)
    data = document(answer.body) if answer.status == 200 else None
    settings = data.get("default_generation_settings") if isinstance(data, dict) else None
    found = settings.get("n_ctx") if isinstance(settings, dict) else None
    if isinstance(found, int) and found > 0:
        return found
    return (await offer(line, server, _LIMIT_S)).context_tokens


@check(codes.QUEUE, codes.KV_CACHE, of=Llm, depth=Depth.NORMAL, timeout_s=8, every_s=10, id="llm.load",
       imports=("paramedic.packs.llm.line",))  # fmt: skip
async def keeps_up(server: Llm, context: Context) -> Finding:
    """The model keeps up with what it is asked.

    Looks at: how many requests run and wait, and how much of the KV cache is used (``/slots``, ``/metrics``). A
    queue alone is no trouble: it is only told, until ``queue_waiting`` or ``kv_percent`` of the component says from
    where on it is, and that holds for ``queue_for_s`` (60).
    Why: every waiting request is somebody who waits; a full KV cache makes a server start requests over.
    By hand: ``curl -sS http://127.0.0.1:8080/metrics | grep -E 'requests|kv'``
    Healed by: nothing automatic; ask less at once, or add slots or servers.
    """
    from paramedic.packs.llm.activity import read_activity
    from paramedic.packs.llm.line import Line

    async with Line(server, context.clock) as line:
        seen = await read_activity(line, server, context.clock.monotonic())
    if not seen.tells:
        return context.info("the server does not tell how busy it is")
    measures = {"running": float(seen.running or 0), "waiting": float(seen.waiting or 0)}
    if seen.kv_percent is not None:
        measures["kv_percent"] = seen.kv_percent
    limits = context.component.thresholds
    long = "queue_waiting" in limits and (seen.waiting or 0) >= limits["queue_waiting"]
    full = "kv_percent" in limits and (seen.kv_percent or 0) >= limits["kv_percent"]
    if not (long or full):
        context.memory.pop("since", None)
        return context.ok(seen.in_words, **measures)
    since = context.memory.setdefault("since", seen.at)
    assert isinstance(since, float)
    if context.looks_again and seen.at - since < context.threshold("queue_for_s", 60):
        return measured(context.info(seen.in_words), measures)
    found = context.warning(
        codes.QUEUE if long else codes.KV_CACHE,
        observed=seen.in_words,
        expected=f"fewer than {limits['queue_waiting']:g} waiting" if long else f"less than {limits['kv_percent']:g} %",
        because="that is what the service file says",
        hint="ask less at once, shorten prompts, or give the server more slots, memory or a second instance",
    )
    return measured(found, measures)
