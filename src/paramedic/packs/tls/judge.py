"""Pure judgement: what a handshake and its certificates say about a server."""

from collections.abc import Callable, Sequence
from datetime import datetime

from paramedic.packs.tls.certificate import Certificate
from paramedic.packs.tls.codes import EXPIRED, EXPIRING, NAME_MISMATCH, NOT_YET_VALID, UNTRUSTED, WEAK
from paramedic.packs.tls.handshake import NotTrusted, Shaken
from paramedic.packs.tls.target import Tls
from paramedic.sdk import Context, Evidence, Finding

Tell = Callable[..., Finding]
"""``context.warning`` or ``context.critical``."""
_DAY_S = 86400.0
# X509_V_ERR_… of OpenSSL
_NOT_YET_VALID, _HAS_EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_NO_ISSUER = (2, 20, 21)
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
_TOO_WEAK = (66, 67, 68)
_RENEW = "renew the certificate, let the server load it (`systemctl reload` or a restart), and see why the renewal "
_RENEW += "that should do this by itself did not; compare `date -u` first"
_OF_AUTHORITY = "it is that of an authority, which the server did not send"


def judge_trusted(
    shaken: Shaken, chain: Sequence[Certificate], old: str | None, server: Tls, context: Context
) -> list[Finding]:
    """The findings for a handshake that an application would be content with."""
    evidence = _evidence(chain)
    first = min(chain, key=lambda each: each.ends)
    days = (first.ends - context.clock.now()).total_seconds() / _DAY_S
    findings = []
    if days <= context.threshold("expiring_days", 14):
        tell = context.critical if days <= context.threshold("expiring_critical_days", 3) else context.warning
        findings.append(
            tell(
                EXPIRING,
                observed=f"the certificate of `{server.place}` expires in {_in_words(days)}",
                expected=f"at least {context.threshold('expiring_days', 14):g} days",
                because=f"the last moment of {first.subject} is {_moment(first.ends)}",
                hint=_RENEW,
                evidence=evidence,
                expires_days=days,
            )
        )
    weaknesses = [each for certificate in chain[:1] for each in certificate.weaknesses]
    weaknesses += [f"it still speaks {old}"] if old else []
    if weaknesses:
        findings.append(_weak(weaknesses, context.warning, server, evidence))
    measures = {"expires_days": days, "handshake_ms": shaken.took_ms}
    told = f"`{server.place}` is trusted as {server.name} until {first.ends:%Y-%m-%d}, over {shaken.version}"
    return findings or [context.ok(told, **measures)]


def judge_refused(
    refusal: NotTrusted, doubt: NotTrusted | None, presented: Sequence[Certificate], server: Tls, context: Context
) -> list[Finding]:
    """The findings for a certificate that an application refuses: everything that is wrong with it.

    Args:
        refusal: what an application is told.
        doubt: what remains of it when dates and names are left out.
        presented: what could be seen of the certificates.
        server: where.
        context: the look.
    """
    evidence = _evidence(presented)
    findings = [*_dates(refusal, presented, server, context)]
    if doubt and doubt.code in _TOO_WEAK:
        findings.append(_weak([str(doubt)], context.critical, server, evidence))
    elif doubt:
        findings.append(_untrusted(doubt, presented, server, context))
    has_other_name = refusal.code in (_OTHER_NAME, _OTHER_ADDRESS)
    if has_other_name or (presented and not presented[0].is_for(server.name)):
        names = ", ".join(presented[0].names[:10]) if presented else ""
        findings.append(
            context.critical(
                NAME_MISMATCH,
                observed=f"the certificate of `{server.place}` is not for `{server.name}`",
                expected=f"a certificate for {server.name}",
                because=f"it is for {names or 'no name at all'}",
                hint="correct the name that is asked for (`server_name`), let the server present the right "
                "certificate for it, or have one issued that carries it",
                evidence=evidence,
            )
        )
    return findings or [_untrusted(refusal, presented, server, context)]


def _dates(refusal: NotTrusted, presented: Sequence[Certificate], server: Tls, context: Context) -> list[Finding]:
    """The findings about days: a certificate that is over, or has not begun."""
    now, evidence = context.clock.now(), _evidence(presented)
    ended = next((each for each in presented if each.ends < now), None)
    early = next((each for each in presented if each.begins > now), None)
    findings = []
    if refusal.code == _HAS_EXPIRED or (ended and ended is presented[0]):
        findings.append(
            context.critical(
                EXPIRED,
                observed=f"a certificate of `{server.place}` expired{_ago(ended.ends, now) if ended else ''}",
                expected="a certificate that is valid now",
                because=f"the last moment of {ended.subject} was {_moment(ended.ends)}" if ended else _OF_AUTHORITY,
                hint=_RENEW,
                evidence=evidence,
            )
        )
    if refusal.code == _NOT_YET_VALID or (early and early is presented[0]):
        because = f"the first moment of {early.subject} is {_moment(early.begins)}" if early else _OF_AUTHORITY
        findings.append(
            context.critical(
                NOT_YET_VALID,
                observed=f"a certificate of `{server.place}` is not valid yet",
                expected="a certificate that is valid now",
                because=f"{because}; here it is {_moment(now)}",
                hint="compare `date -u` here, on the server and on the machine that issued it; correct the clock, "
                "or have it issued again",
                evidence=evidence,
            )
        )
    return findings


def _untrusted(doubt: NotTrusted, presented: Sequence[Certificate], server: Tls, context: Context) -> Finding:
    issuer = presented[-1].issuer if presented else "its authority"
    if doubt.code == _SELF_SIGNED:
        what, hint = "it is self-signed", "name it in `ca` where that is meant, or let an authority issue one"
    elif doubt.code == _SELF_SIGNED_IN_CHAIN:
        what, hint = f"it leads to {issuer}, which is not trusted here", "name that authority's certificate in `ca`"
    elif doubt.code in _NO_ISSUER:
        what = f"nobody here knows who issued it: {issuer}"
        hint = "where that is a private authority, name its certificate in `ca`; where it is a public one, let the "
        hint += "server send the whole chain (`fullchain.pem`)"
    else:
        what, hint = (
            f"it was refused: {doubt}",
            f"look at it with `openssl s_client -connect {server.place} -showcerts`",
        )
    return context.critical(
        UNTRUSTED,
        observed=f"the certificate of `{server.place}` is not trusted",
        expected="a certificate of a trusted authority",
        because=f"{what} (OpenSSL: {doubt})",
        hint=hint,
        evidence=_evidence(presented),
    )


def _weak(weaknesses: Sequence[str], tell: Tell, server: Tls, evidence: tuple[Evidence, ...]) -> Finding:
    return tell(
        WEAK,
        observed=f"what `{server.place}` offers is weak: {'; '.join(weaknesses)}",
        expected="TLS 1.2 or newer, RSA keys of 2048 bits or more, and signatures with SHA-256 or better",
        because="weaker ones can be broken today, and systems that are up to date refuse them",
        hint="switch old protocols off in the server (`ssl_protocols TLSv1.2 TLSv1.3` in nginx), or have the "
        "certificate issued again with a new key",
        evidence=evidence,
    )


def _evidence(chain: Sequence[Certificate]) -> tuple[Evidence, ...]:
    rows = "\n".join(f"{index}: {each.told}" for index, each in enumerate(chain[:10]))
    return (Evidence(label="certificates", text=rows),) if rows else ()


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _ago(at: datetime, now: datetime) -> str:
    return f" {_in_words((now - at).total_seconds() / _DAY_S)} ago"


def _in_words(days: float) -> str:
    count, unit = (days, "day") if days >= 1 else (days * 24, "hour")
    return f"{int(count)} {unit}{'' if int(count) == 1 else 's'}"
