"""The troubles of a WebSocket."""

from paramedic.sdk import Code, IssueType

REFUSED = Code(
    id="websocket.refused",
    type=IssueType.CONNECTIVITY,
    summary="no connection can be made: the port is closed, or there is no way to the machine",
)
TIMEOUT = Code(
    id="websocket.timeout",
    type=IssueType.CONNECTIVITY,
    summary="an attempt to connect gets no answer: a full backlog or lost packets",
)
TLS = Code(
    id="websocket.tls",
    type=IssueType.CONNECTIVITY,
    summary="the certificate is not trusted, or no common version of TLS is found",
)
HANDSHAKE = Code(
    id="websocket.handshake",
    type=IssueType.CONNECTIVITY,
    summary="the server answers, but opens no WebSocket",
)
UNRESPONSIVE = Code(
    id="websocket.unresponsive",
    type=IssueType.CONNECTIVITY,
    summary="the connection is accepted, but the handshake or a ping is never answered",
)
DISCONNECT_LOOP = Code(
    id="websocket.disconnect-loop",
    type=IssueType.CONNECTIVITY,
    summary="the server closes one socket after the other, long before it should",
)
PROTOCOL = Code(
    id="websocket.protocol",
    type=IssueType.CONNECTIVITY,
    summary="what comes over the socket breaks the rules of WebSocket",
)
ECHO = Code(
    id="websocket.echo",
    type=IssueType.OUTAGE,
    summary="the socket is open, but what is sent does not come back",
)
