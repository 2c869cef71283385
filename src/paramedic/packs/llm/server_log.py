"""The last lines of a model server's log: what Paramedic kept of its output, or the file that is declared."""

import os
from collections.abc import Sequence
from pathlib import Path

from paramedic.packs.http.answer import readable
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import open_regular

_BYTES = 32 << 10
_LINES = 60
"""What stands farther back was long ago, or of an earlier time."""


async def last_lines(server: Llm, context: Context) -> Sequence[str]:
    """The newest lines, oldest first.

    Raises:
        OSError: the declared log cannot be read.
    """
    text = context.processes.facts(context.component).log_tail
    if server.log is not None:
        text += "\n" + await in_thread(_tail, server.log)
    return readable(text).splitlines()[-_LINES:]


def _tail(path: Path) -> str:
    with open_regular(path) as log:
        length = os.fstat(log.fileno()).st_size
        log.seek(max(0, length - _BYTES))
        return log.read(_BYTES).decode(errors="replace")
