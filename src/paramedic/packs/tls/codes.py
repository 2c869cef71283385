"""The troubles of a TLS server."""

from paramedic.sdk import Code, Ending, IssueType

EXPIRED = Code(
    id="tls.expired",
    type=IssueType.CONNECTIVITY,
    summary="a certificate is past its last day, and every caller refuses it",
    instant=True,
    depth=2,
)
EXPIRING = Code(
    id="tls.expiring",
    type=IssueType.CONNECTIVITY,
    summary="a certificate will expire within days",
    ending=Ending.ADVISE,
)
NOT_YET_VALID = Code(
    id="tls.not-yet-valid",
    type=IssueType.CONNECTIVITY,
    summary="a certificate begins to be valid only later; or a clock is wrong",
    depth=2,
)
NAME_MISMATCH = Code(
    id="tls.name-mismatch",
    type=IssueType.CONNECTIVITY,
    summary="the certificate is for other names than the one that is asked for",
    depth=2,
)
UNTRUSTED = Code(
    id="tls.untrusted",
    type=IssueType.CONNECTIVITY,
    summary="nobody trusted vouches for the certificate: self-signed, unknown authority, or an incomplete chain",
    depth=2,
)
HANDSHAKE = Code(
    id="tls.handshake",
    type=IssueType.CONNECTIVITY,
    summary="the connection is accepted, but no TLS can be agreed upon",
    depth=1,
)
REFUSED = Code(
    id="tls.refused",
    type=IssueType.CONNECTIVITY,
    summary="the machine answers, but nobody listens on the port",
)
TIMEOUT = Code(
    id="tls.timeout",
    type=IssueType.CONNECTIVITY,
    summary="an attempt to connect, or the TLS handshake, gets no answer",
)
WEAK = Code(
    id="tls.weak",
    type=IssueType.SECURITY,
    summary="protocol, key or signature are weaker than is safe today",
    ending=Ending.ADVISE,
)
