"""Work in the background that never stops for good: what fails is said once and begun again."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from traceback import extract_tb

from paramedic.model.clock import Clock
from paramedic.model.errors import ParamedicError
from paramedic.sdk.system_error import in_words

_log = logging.getLogger("paramedic.watch")
_PAUSE_S = 0.5
_LONGEST_S = 5.0
_CALM_S = 60.0
"""A job that worked for this long has overcome its last failure."""


async def keep_doing(name: str, work: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Do the work until it ends by itself; when it fails, again after a pause. The same failure is told once."""
    told, pause_s = "", _PAUSE_S
    while True:
        began = clock.monotonic()
        try:
            await work()
        except Exception as error:  # a boundary: no failure of ours ends what must go on
            if clock.monotonic() - began > _CALM_S:
                told, pause_s = "", _PAUSE_S
            if (what := said(error)) != told:
                told = what
                _log.error("%s failed and is begun again: %s", name, what, exc_info=error)
        else:
            return
        await clock.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_S)


def reason(error: BaseException) -> str:
    """Why something outside could not be reached, for people."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = getattr(error, "os_error", error)  # as aiohttp wraps it
    return in_words(cause) if isinstance(cause, OSError) else str(error) or type(error).__name__


def said(error: BaseException) -> str:
    """A failure in one line: our own errors by their words, others by their kind and place, too."""
    if isinstance(error, ParamedicError):
        return f"{error} (hint: {error.hint})" if error.hint else str(error)
    frames = extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: {error}"
