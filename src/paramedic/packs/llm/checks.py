"""Is the model server there, does it let the service in, and does it have its model?"""

from paramedic.packs.llm import codes
from paramedic.packs.llm.judge import Names
from paramedic.packs.llm.presence import is_there
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context, Finding, check

NAMES = Names(
    refused=codes.REFUSED,
    timeout=codes.TIMEOUT,
    unauthorized=codes.UNAUTHORIZED,
    rate_limited=codes.RATE_LIMITED,
    loading=codes.LOADING,
    error=codes.ERROR,
    model_missing=codes.MODEL_MISSING,
)


@check(
    *NAMES.of_every_look,
    codes.MODEL_MISSING,
    of=Llm,
    imports=("paramedic.packs.llm.line",),
    timeout_s=5,
    every_s=5,
)
async def answers(server: Llm, context: Context) -> Finding:
    """The model server is there, lets the service in, and has its model.

    Looks at: the list of models (``/v1/models``, else Ollama's ``/api/tags``), with the service's key. No token is
    spent. A server that asks to be called less often is not asked before that time; one that computes and takes no
    requests is busy, for as long as the threshold ``busy_for_s`` says (300).
    Why: without the server, its permission or the model there is no answer to anything.
    By hand: ``curl -sS -H "Authorization: Bearer $KEY" http://127.0.0.1:11434/v1/models``
    Healed by: restart-component where it is down or answers nothing; pull-model, once a person agrees, where the model
    is missing; keys go to a person.
    """
    return await is_there(server, NAMES, context)
