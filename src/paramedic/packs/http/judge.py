"""Pure judgement: what one answer, or the lack of one, says about the server."""

import json
from collections.abc import Mapping, Sequence

from paramedic.packs.http.answer import BODY_LIMIT, Answer, NoAnswer, Trouble, readable
from paramedic.packs.http.codes import AUTH, BODY, PROTOCOL, RATE_LIMITED, REFUSED, STATUS, TIMEOUT, TLS
from paramedic.packs.http.target import Http
from paramedic.packs.tcp.checks import name_without_address
from paramedic.packs.tcp.remedy import how_to_start, who_listens
from paramedic.sdk import Context, Evidence, Finding

_EXCERPT = 400
_TELLING = ("server", "content-type", "retry-after")
_NOTHING = object()


def judge(answer: Answer, server: Http, context: Context) -> Finding:
    """The finding for one answer."""
    if not server.accepts(answer.status):
        return _wrong_status(answer, server, context)
    if wrong := _wrong_body(answer, server):
        return context.critical(
            BODY,
            observed=f"answered {answer.title}, but {wrong}",
            expected=_expected_body(server),
            because="the status is healthy; what the server tells with it is not",
            hint=f"see the whole answer with `curl -sS {server.shown}`; "
            f"if it is healthy, correct `expect_body` or `expect_json`",
            evidence=_excerpt(answer),
            latency_ms=answer.latency_ms,
        )
    return context.ok(f"answered {answer.title} in {answer.latency_ms:.0f} ms", latency_ms=answer.latency_ms)


def judge_none(none: NoAnswer, server: Http, context: Context) -> Finding:
    """The finding for no answer."""
    host, port = server.address
    match none.trouble:
        case Trouble.NAME:
            name, _, reason = str(none).partition(": ")
            return name_without_address(name.strip("`"), reason, context)
        case Trouble.CONNECT:
            return context.critical(
                REFUSED,
                observed=f"no connection to `{host}:{port}` can be made",
                expected="a listening server",
                because=f"the system said: {none}",
                hint=f"{how_to_start(context.component)}, or correct `url`; {who_listens(port)} shows who listens",
            )
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
            return context.critical(
                TLS,
                observed=f"no trusted connection to `{host}:{port}`",
                expected="a valid certificate and a common version of TLS",
                because=f"the handshake failed: {none}",
                hint=f"look at it with `openssl s_client -connect {host}:{port} -servername {host}`; renew the "
                "certificate, or set `verify_tls: false` where a self-signed one is meant",
            )
        case Trouble.REDIRECTS:
            return context.critical(
                STATUS,
                observed=f"`{server.shown}` redirects without end",
                expected=_expected_status(server),
                because=str(none),
                hint=f"follow it with `curl -sSIL --max-redirs 5 {server.shown}` and correct the server's redirects",
            )
        case Trouble.PROTOCOL:
            return context.critical(
                PROTOCOL,
                observed=f"what `{host}:{port}` sends is not whole HTTP",
                expected="an HTTP answer",
                because=str(none),
                hint=f"see the bytes with `curl --http1.1 -v {server.shown}`; {who_listens(port)} shows whether "
                "another program listens there",
            )
        case Trouble.OURS:
            return context.unknown(f"this machine could not ask `{server.shown}`: {none}", hint="look at `ulimit -n`")


def _wrong_status(answer: Answer, server: Http, context: Context) -> Finding:
    observed = f"answered {answer.title}"
    expected = _expected_status(server)
    curl = f"`curl -sS -i {server.shown}`"
    if answer.status == 429:
        said = readable(answer.headers.get("retry-after", ""))
        return context.warning(
            RATE_LIMITED,
            observed=observed,
            expected=expected,
            because="the server asks to be called less often",
            hint=f"wait {said or '60'}{' s' if not said or said.isdigit() else ''} before asking again, "
            "and raise `interval` or the server's limit",
            evidence=(Evidence(label="Retry-After", text=said or "not said"), *_excerpt(answer)),
            retry_after_s=float(said) if said.isdigit() and len(said) < 10 else 60.0,
        )
    if answer.status in (401, 403):
        return context.critical(
            AUTH,
            observed=observed,
            expected=expected,
            because="the server knows who asks and refuses" if answer.status == 403 else "the server asks who we are",
            hint=f"check the token or password in `headers` of `{context.component.name}`, that it has not expired, "
            f"and its rights; try {curl} with it",
            evidence=_excerpt(answer),
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
        evidence=_excerpt(answer),
        latency_ms=answer.latency_ms,
    )


def _wrong_body(answer: Answer, server: Http) -> str | None:
    if server.expect_body is not None and server.expect_body not in answer.text:
        return f"`{server.expect_body}` is not in its {'first ' if not answer.is_whole else ''}{len(answer.body)} bytes"
    if not server.expect_json:
        return None
    if not answer.is_whole:
        return f"its body is longer than {BODY_LIMIT} bytes"
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "its body is not JSON"
    for path, wanted in server.expect_json.items():
        found = _at(document, path)
        if found is _NOTHING:
            return f"it holds no `{path}`"
        if found != wanted or isinstance(found, bool) is not isinstance(wanted, bool):
            return f"`{path}` is `{readable(json.dumps(found, ensure_ascii=False))[:80]}`"
    return None


def _at(document: object, path: str) -> object:
    """The value at a dotted path; a key that itself has dots is found too."""
    if isinstance(document, Mapping):
        if path in document:
            return document[path]
        for cut, character in enumerate(path):
            if character == "." and path[:cut] in document:
                return _at(document[path[:cut]], path[cut + 1 :])
    elif isinstance(document, Sequence) and not isinstance(document, str):
        index, _, rest = path.partition(".")
        if index.isdecimal() and len(index) < 10 and int(index) < len(document):
            return _at(document[int(index)], rest) if rest else document[int(index)]
    return _NOTHING


def _expected_status(server: Http) -> str:
    match server.expect_status:
        case None:
            return "a status of 2xx or 3xx"
        case int(one):
            return f"status {one}"
        case several:
            return f"status {' or '.join(map(str, several))}"


def _expected_body(server: Http) -> str:
    wanted = [f"`{server.expect_body}` in the body"] if server.expect_body is not None else []
    wanted += [f"`{path}` = `{json.dumps(value)}`" for path, value in server.expect_json.items()]
    return ", ".join(wanted)


def _excerpt(answer: Answer) -> tuple[Evidence, ...]:
    body = answer.text[:_EXCERPT].strip()
    told = [f"{name}: {readable(answer.headers[name])[:100]}" for name in _TELLING if name in answer.headers]
    evidence = (Evidence(label="body", text=body), Evidence(label="headers", text="\n".join(told)))
    return tuple(each for each in evidence if each.text)
