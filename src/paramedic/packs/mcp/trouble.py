"""Why a server of tools could not be talked to. Known without its client library."""

from enum import StrEnum


class Why(StrEnum):
    """What went wrong."""

    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    TLS = "tls"
    OURS = "ours"
    """This machine could not even try."""
    NO_PROGRAM = "no-program"
    """The command cannot be started."""
    EXITED = "exited"
    SILENT = "silent"
    STATUS = "status"
    """It answered with an HTTP status that is no answer of the protocol."""
    PROTOCOL = "protocol"
    ERROR = "error"
    """It answered with an error of the protocol where none is allowed."""
    VERSION = "version"
    """Both sides know no common revision."""


class NoTalk(Exception):
    """There was no dialogue; the message is what the server, or the way to it, said."""

    def __init__(
        self,
        why: Why,
        said: str,
        *,
        line: str | None = None,
        status: int | None = None,
        exit_code: int | None = None,
        last_words: str = "",
        stage: str = "",
    ) -> None:
        super().__init__(said)
        self.why = why
        self.line = line
        """What was sent instead of a message."""
        self.status = status
        self.exit_code = exit_code
        self.last_words = last_words
        """The last lines of what it wrote to standard error."""
        self.stage = stage
        """What was being done."""
