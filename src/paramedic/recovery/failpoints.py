"""Places where a crash is tried out: ``PARAMEDIC_FAILPOINT=after-intent:restart-component:0`` kills this process there.

The points are ``after-intent``, ``mid-act``, ``after-act`` and ``after-done``; playbook and step may be left out.
"""

import os
import signal

VARIABLE = "PARAMEDIC_FAILPOINT"


def crash_here(point: str, playbook: str, step: int) -> None:
    """Kill this process as ``kill -9`` would, if the environment asks for it here."""
    wanted = os.environ.get(VARIABLE)
    if wanted and all(
        part == here for part, here in zip(wanted.split(":"), (point, playbook, str(step)), strict=False)
    ):
        os.kill(os.getpid(), signal.SIGKILL)
