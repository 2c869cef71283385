"""What a person at a terminal sees while the checks run."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from paramedic.model.clock import Clock
from paramedic.model.finding import Finding
from paramedic.report.words import one_line

_NAMED_AFTER_S = 10.0
_EVERY_S = 0.5


class Waiting:
    """Counts the checks that have ended and knows which have not."""

    def __init__(self, total: int, clock: Clock) -> None:
        self._total = total
        self._clock = clock
        self._since: dict[str, float] = {}
        self._ended = 0

    def began(self, component: str, check: str) -> None:
        self._since[f"{component} {check}"] = self._clock.monotonic()

    def ended(self, component: str, check: str, findings: tuple[Finding, ...]) -> None:
        del findings
        self._since.pop(f"{component} {check}", None)
        self._ended += 1

    def line(self) -> str:
        """``12 of 40 checks``; after ten seconds what is being waited for."""
        now = self._clock.monotonic()
        late = [f"{name} ({now - since:.0f} s)" for name, since in self._since.items() if now - since > _NAMED_AFTER_S]
        text = f"{self._ended} of {self._total} checks"
        return one_line(f"{text}, waiting for {', '.join(late)}" if late else text)


@contextlib.asynccontextmanager
async def shown(waiting: Waiting, width: int) -> AsyncIterator[None]:
    """Keep one line of stderr up to date, where that is a terminal; nothing of it remains."""
    if not sys.stderr.isatty():
        yield
        return

    async def keep_showing() -> None:
        while True:
            sys.stderr.write(f"\r\x1b[K{waiting.line()[: width - 1]}")
            sys.stderr.flush()
            await asyncio.sleep(_EVERY_S)

    task = asyncio.create_task(keep_showing())
    try:
        yield
    finally:
        task.cancel()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
