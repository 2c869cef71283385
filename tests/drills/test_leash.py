"""A killed drill leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys

from living import until
from paramedic.sdk import proc

PARENT = """
import signal, subprocess, sys, time
from paramedic.drills.leash import leash
child = subprocess.Popen(["sleep", "60"], preexec_fn=leash(signal.SIGTERM), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    """Although it has a session of its own and nobody can tell it."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        pidfd = os.pidfd_open(child)
        try:
            parent.kill()
            parent.wait()
            until(lambda: proc.identity(child) is None, 30, "the child is gone")
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
