"""What an answer of a model server that is no answer says about it: the same for models and for embeddings."""

from dataclasses import dataclass

from paramedic.packs.http.answer import NoAnswer, Trouble, readable
from paramedic.packs.http.patience import asked_to_wait_s
from paramedic.packs.http.unreached import unreached
from paramedic.packs.llm.strangers import error_said
from paramedic.packs.llm.target import ModelServer
from paramedic.packs.tcp.checks import DNS_UNRESOLVED
from paramedic.sdk import Code, Context, Evidence, Finding

_LOADING = ("loading model", "model is loading", "starting up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The codes of one kind of model server, as far as it is looked for."""

    refused: Code
    timeout: Code
    unauthorized: Code
    rate_limited: Code
    loading: Code
    error: Code
    model_missing: Code

    @property
    def of_every_look(self) -> tuple[Code, ...]:
        """What each look at it can name."""
        lost = (self.refused, self.timeout, self.unauthorized, self.rate_limited, self.loading, self.error)
        return (*lost, DNS_UNRESOLVED)


def judge_none(none: NoAnswer, server: ModelServer, codes: Names, context: Context) -> Finding:
    """The finding where nothing came back."""
    found = unreached(none, server.address, context, refused=codes.refused, what="model server", field="base_url")
    if found:
        return found
    if none.trouble is Trouble.TIMEOUT:
        return context.critical(
            codes.timeout,
            observed=f"`{server.shown}` takes connections and answers nothing",
            expected="an answer in time",
            because=str(none),
            hint=f"try `curl -m 10 {server.api}/models`; a stopped or deadlocked server is freed by a restart",
        )
    host, port = server.address
    return context.critical(
        codes.error,
        observed=f"what `{host}:{port}` says is not the protocol of a model server",
        expected="an OpenAI-compatible API",
        because=str(none),
        hint=f"compare with `curl -v {server.api}/models`; if something else listens there, correct `base_url`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is an error."""

    status: int
    title: str
    """Such as ``503 Service Unavailable``."""
    said: str
    """Its body."""
    retry_after: str = ""


def judge_status(refusal: Refusal, codes: Names, context: Context) -> Finding:
    """The finding for an answer that is an error."""
    status, title, retry_after = refusal.status, refusal.title, refusal.retry_after
    told = error_said(refusal.said)
    evidence = (Evidence(label="the server said", text=told),) if told else ()
    if any(each in told.lower() for each in _LOADING):
        if _has_just_been_started(context):
            return context.unknown(f"it has just been started, and is loading its model (answered {title})")
        return context.warning(
            codes.loading,
            observed=f"answered {title}: {told}",
            expected="a model that is loaded",
            because="the server is up and says so itself",
            hint="wait; where it takes longer than usual, look at the server's log and at how busy the disk is",
            evidence=evidence,
        )
    if status == 429 or (status == 503 and retry_after):
        wait_s = asked_to_wait_s(retry_after, context.clock.now())
        return context.warning(
            codes.rate_limited,
            observed=f"answered {title}",
            expected="an answer",
            because="the server asks to be called less often",
            hint=f"wait {wait_s:.0f} s before asking again; ask less, or for a higher limit",
            evidence=(Evidence(label="Retry-After", text=retry_after or "not said"), *evidence),
            retry_after_s=wait_s,
        )
    if status in (401, 403):
        return context.critical(
            codes.unauthorized,
            observed=f"answered {title}",
            expected="a key that the server accepts",
            because="the server knows who asks and refuses"
            if status == 403
            else "no key, or one that it does not know",
            hint=f"compare `api_key` of `{context.component.name}` with the keys that the server knows; "
            "it may have expired, or lack the right to this model",
            evidence=evidence,
        )
    return context.critical(
        codes.error,
        observed=f"answered {title}{f': {told[:120]}' if told else ''}",
        expected="an answer",
        because="the server was reached and failed" if status >= 500 else "the server does not understand the request",
        hint="read the server's log around now; a restart helps where it is stuck"
        if status >= 500
        else "correct `base_url` and `model`, or look which version of the API it speaks",
        evidence=evidence,
    )


def _has_just_been_started(context: Context) -> bool:
    """Whether its process is within the time that it may take to become ready: ports are open before models are."""
    spec, facts = context.component.process, context.processes.facts(context.component)
    return facts.is_starting or bool(spec and facts.uptime_s is not None and facts.uptime_s < spec.ready_within_s)


def shown_models(names: tuple[str, ...]) -> str:
    """Names of models for people."""
    some = ", ".join(f"`{readable(each)[:80]}`" for each in names[:8])
    return f"{some} and {len(names) - 8} more" if len(names) > 8 else some or "none"
