"""Names of what lies open."""

from paramedic.sdk import Code, Ending, IssueType

SECRET_EXPOSED = Code(
    id="security.secret-exposed",
    type=IssueType.SECURITY,
    summary="a secret stands where others can read it; only a new one helps",
    instant=True,
    depth=3,
)
FILE_MODE = Code(
    id="security.file-mode",
    type=IssueType.SECURITY,
    summary="a file with secrets can be read, or one of the service's files be written, by others",
    depth=3,
)
DEBUG_MODE = Code(
    id="security.debug-mode",
    type=IssueType.SECURITY,
    summary="a part of the service runs in debug mode",
    ending=Ending.ADVISE,
)
DEFAULT_CREDENTIALS = Code(
    id="security.default-credentials",
    type=IssueType.SECURITY,
    summary="a part of the service is entered with a password that everybody knows",
    ending=Ending.ADVISE,
)
LISTENING = Code(
    id="security.listening-beyond-loopback",
    type=IssueType.SECURITY,
    summary="a port that only this machine needs can be reached from others",
    ending=Ending.ADVISE,
)
TLS_OUTDATED = Code(
    id="security.tls-outdated",
    type=IssueType.SECURITY,
    summary="a server still speaks a version of TLS that is broken",
    ending=Ending.ADVISE,
)
