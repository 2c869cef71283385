"""Troubles of what Paramedic cannot touch: clients in other hands, and providers elsewhere."""

from paramedic.sdk import Code, Ending, IssueType


def _guidance(what: str, type: IssueType, summary: str) -> Code:
    return Code(id=f"guidance.{what}", type=type, summary=summary, ending=Ending.ADVISE, instant=True)


MOBILE = _guidance(
    "mobile-client", IssueType.CONNECTIVITY, "a mobile client does not work, which only its owner can mend"
)
VOICE = _guidance("voice-client", IssueType.CONNECTIVITY, "a voice client does not work, which only its owner can mend")
MICROPHONE = _guidance("microphone", IssueType.CONFIG, "a client hears nothing: its microphone is off or not permitted")
COMPUTER = _guidance(
    "computer-client", IssueType.CONNECTIVITY, "a client on a computer does not work, which only its owner can mend"
)
PROVIDER = _guidance(
    "hosted-provider", IssueType.CONNECTIVITY, "a hosted provider has troubles, which only it can mend"
)
AUTH_FAILED = Code(
    id="client.auth-failed",
    type=IssueType.AUTH,
    summary="the backend refuses the token that a client has stored",
    ending=Ending.ADVISE,
    instant=True,
)
VERSION_MISMATCH = Code(
    id="client.version-mismatch",
    type=IssueType.CONFIG,
    summary="a client and its backend have versions that do not fit",
    ending=Ending.ADVISE,
    instant=True,
)
