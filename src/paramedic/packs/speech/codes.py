"""The troubles of a server that speaks."""

from paramedic.sdk import Code, Ending, IssueType

REFUSED = Code(
    id="tts.refused",
    type=IssueType.CONNECTIVITY,
    summary="no connection to the speech server can be made: the port is closed, or there is no way to the machine",
)
TIMEOUT = Code(
    id="tts.timeout",
    type=IssueType.AI,
    summary="the speech server accepts connections and does not answer in time",
)
ERROR = Code(
    id="tts.error",
    type=IssueType.AI,
    summary="the speech server answers with an error, or what answers there is none",
)
UNAUTHORIZED = Code(
    id="tts.unauthorized",
    type=IssueType.AUTH,
    summary="the speech server refuses for identity or permission",
)
VOICE_MISSING = Code(
    id="tts.voice-missing",
    type=IssueType.CONFIG,
    summary="the voice that the service uses is not among those of the speech server",
)
AUDIO_INVALID = Code(
    id="tts.audio-invalid",
    type=IssueType.AI,
    summary="what comes back for a spoken word is no audio, or an empty one",
)
SILENT = Code(
    id="tts.silent",
    type=IssueType.AI,
    summary="a spoken word comes back as silence",
)
SLOW = Code(
    id="tts.slow",
    type=IssueType.PERFORMANCE,
    summary="a word is spoken well, but takes longer than it may",
    ending=Ending.ADVISE,
)
