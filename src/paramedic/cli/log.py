"""What a running program says on stderr: one line for each thing that happened, without secrets."""

import logging
import sys
import threading
from collections.abc import Iterable

from paramedic.report import Redactor
from paramedic.report.words import printable

_NOISY = ("aiohttp", "asyncio", "dbos", "sqlalchemy")


class Lines(logging.Formatter):
    """Makes every record safe, whoever wrote it. Where an error came from is shown only where details are wanted."""

    def __init__(self, secrets: Iterable[str], *, details: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._details = details
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Know these secrets from now on."""
        self._redactor = Redactor(secrets)

    def install(self, level: int) -> None:
        """Let everything that is logged in this process go to stderr in this form."""
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(self)
        logging.basicConfig(handlers=[handler], level=level, force=True)
        for noisy in _NOISY:
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.raiseExceptions = False  # a log that cannot be written is no reason to write more
        threading.excepthook = _log_death

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._redactor.text(super().format(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802  # logging's own name
        if self._details:
            return super().formatException(ei)  # type: ignore[arg-type]  # what logging gave us
        return ""


def _log_death(death: threading.ExceptHookArgs) -> None:
    name = death.thread.name if death.thread else "?"
    logging.getLogger("paramedic").error(
        "the thread %s ended by %s: %s", name, death.exc_type.__name__, death.exc_value
    )
