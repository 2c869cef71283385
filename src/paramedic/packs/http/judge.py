"""Pure judgement: what one answer, or the lack of one, says about the server."""

from paramedic.packs.http.answer import Answer, NoAnswer, Trouble, readable
from paramedic.packs.http.codes import (
    AUTH,
    BODY,
    DOWNGRADE,
    HEADER,
    PROTOCOL,
    RATE_LIMITED,
    REFUSED,
    STATUS,
    TIMEOUT,
    TLS,
)
from paramedic.packs.http.conditions import unmet_body, unmet_header
from paramedic.packs.http.patience import asked_to_wait_s
from paramedic.packs.http.pool import used_up
from paramedic.packs.http.schema import CannotJudge
from paramedic.packs.http.target import Http
from paramedic.packs.http.unreached import unreached
from paramedic.packs.tcp.remedy import who_listens
from paramedic.packs.tcp.unreached import no_trust
from paramedic.sdk import Context, Evidence, Finding

_EXCERPT = 400
_TELLING = ("server", "content-type", "retry-after")
_SPEAKS_NO_TLS = ("wrong version number", "record layer failure")
"""What OpenSSL says of an answer that is no TLS, by its version."""


def judge(answer: Answer, server: Http, context: Context) -> Finding:
    """The finding for one answer."""
    expected = server.expected
    if found := used_up(answer, server.pool, context):
        return found
    if not expected.accepts(answer.status):
        return _wrong_status(answer, server, context)
    if wrong := unmet_header(answer, expected):
        return context.critical(
            HEADER,
            observed=f"answered {answer.title}, but {wrong.observed}",
            expected=wrong.expected,
            because="the status is healthy; what the server tells with it is not",
            hint=f"see the headers with `curl -sS -i {server.shown}`; if they are right, correct `expect_headers`",
            latency_ms=answer.latency_ms,
        )
    try:
        wrong = unmet_body(answer, expected)
    except CannotJudge as cannot:
        return context.unknown(f"the answer could not be judged: {cannot}", hint="correct `expect_schema`")
    if wrong:
        return context.critical(
            BODY,
            observed=f"answered {answer.title}, but {wrong.observed}",
            expected=wrong.expected,
            because="the status is healthy; what the server tells with it is not",
            hint=f"see the whole answer with `curl -sS {server.shown}`; "
            f"if it is healthy, correct what is expected of `{context.component.name}`",
            evidence=excerpt(answer),
            latency_ms=answer.latency_ms,
        )
    if answer.downgrade:
        return context.warning(
            DOWNGRADE,
            observed=f"a redirect leaves https: {answer.downgrade}",
            expected="redirects that stay encrypted",
            because="what follows can be read and changed on its way, though the address promises that it cannot",
            hint="correct the server's redirect; behind a proxy it often does not know that it is reached by https",
            latency_ms=answer.latency_ms,
        )
    return context.ok(f"answered {answer.title} in {answer.latency_ms:.0f} ms", latency_ms=answer.latency_ms)


def judge_none(none: NoAnswer, server: Http, context: Context) -> Finding:
    """The finding for no answer."""
    if found := unreached(none, server.address, context, refused=REFUSED):
        return found
    host, port = server.address
    match none.trouble:
        case Trouble.TIMEOUT:
            return context.critical(
                TIMEOUT,
                observed=f"no whole answer from `{server.shown}`",
                expected="an answer in time",
                because=str(none),
                hint=f"try `curl -m 10 -v {server.shown}`; if the process hangs, `py-spy dump --pid PID` shows where, "
                "and a restart frees it",
            )
        case Trouble.TLS:
            said = str(none).lower().replace("_", " ")
            speaks_plainly = any(each in said for each in _SPEAKS_NO_TLS)
            plain = "nothing there speaks TLS; write `http://` in `url`, or turn TLS on at the server"
            return no_trust(TLS, server.address, str(none), context, hint=plain if speaks_plainly else None)
        case Trouble.REDIRECTS:
            return context.critical(
                STATUS,
                observed=f"`{server.shown}` redirects to nowhere",
                expected=server.expected.status_in_words(),
                because=str(none),
                hint=f"follow it with `curl -sSIL --max-redirs 5 {server.shown}` and correct the server's redirects",
            )
        case _:
            return context.critical(
                PROTOCOL,
                observed=f"what `{host}:{port}` sends is not whole HTTP",
                expected="an HTTP answer",
                because=str(none),
                hint=f"see the bytes with `curl --http1.1 -v {server.shown}`; {who_listens(port)} shows whether "
                "another program listens there",
            )


def _wrong_status(answer: Answer, server: Http, context: Context) -> Finding:
    observed = f"answered {answer.title}"
    expected = server.expected.status_in_words()
    curl = f"`curl -sS -i {server.shown}`"
    if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
        said = readable(answer.headers.get("retry-after", ""))
        wait_s = asked_to_wait_s(said, context.clock.now())
        return context.warning(
            RATE_LIMITED,
            observed=observed,
            expected=expected,
            because="the server asks to be called less often" if answer.status == 429 else "it asks to come back later",
            hint=f"wait {wait_s:.0f} s before asking again, and raise `interval` or the server's limit",
            evidence=(Evidence(label="Retry-After", text=said or "not said"), *excerpt(answer)),
            retry_after_s=wait_s,
        )
    if answer.status in (401, 403):
        return context.critical(
            AUTH,
            observed=observed,
            expected=expected,
            because="the server knows who asks and refuses" if answer.status == 403 else "the server asks who we are",
            hint=f"check the token or password in `headers` of `{context.component.name}`, that it has not expired, "
            f"and its rights; try {curl} with it",
            evidence=excerpt(answer),
        )
    if answer.status >= 500:
        because = "the server was reached and failed while answering"
        hint = f"read its log around now, and try {curl}; a restart helps where it is stuck"
    else:
        because = "the server works, but does not answer this request as expected"
        hint = f"correct `url` or `expect_status` of `{context.component.name}`; compare with {curl}"
    return context.critical(
        STATUS,
        observed=observed,
        expected=expected,
        because=because,
        hint=hint,
        evidence=excerpt(answer),
        latency_ms=answer.latency_ms,
    )


def excerpt(answer: Answer) -> tuple[Evidence, ...]:
    """The beginning of the body and the telling headers."""
    body = answer.text[:_EXCERPT].strip()
    told = [f"{name}: {readable(answer.headers[name])[:100]}" for name in _TELLING if name in answer.headers]
    evidence = (Evidence(label="body", text=body), Evidence(label="headers", text="\n".join(told)))
    return tuple(each for each in evidence if each.text)
