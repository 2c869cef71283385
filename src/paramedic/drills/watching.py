"""The real `paramedic watch` as a process of its own, looking after one patient."""

import asyncio
import contextlib
import signal
import sys
from datetime import datetime
from pathlib import Path

from paramedic.drills.leash import leash
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.recovery.failpoints import VARIABLE

LOG = "watch.log"
_TAIL_BYTES = 4000
_STOP_S = 20.0


class Watching:
    """Starts and stops ``python -m paramedic watch`` in the patient's folder."""

    def __init__(self, patient: Patient, failpoint: str | None = None) -> None:
        """``failpoint``: where it kills itself once, to be started again without (see ``recovery/failpoints.py``)."""
        self._patient = patient
        self._failpoint = failpoint
        self.revived_at: datetime | None = None
        self.first_start_s: float | None = None
        """How long it took to come up at first: the yardstick of how busy the machine is."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """Where it writes."""
        return self._patient.folder / LOG

    async def start(self, *, within_s: float = 60.0) -> None:
        """Start it and return when it says that everything has been brought up.

        Raises:
            DrillFailed: it ended, or said nothing in time.
        """
        began = self._patient.clock.monotonic()
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "paramedic", "watch"),
                cwd=self._patient.folder,
                env={**self._patient.environment(), **({VARIABLE: self._failpoint} if self._failpoint else {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=leash(signal.SIGTERM),
                start_new_session=True,  # so that Ctrl-C reaches the drill first, which then stops it in order
            )
        await self._patient.until(lambda: self.has_ended or self._is_up(), "`watch` to come up", within_s=within_s)
        if self.has_ended:
            raise DrillFailed(f"`watch` ended with {self._process.returncode}")
        if self.first_start_s is None:
            self.first_start_s = self._patient.clock.monotonic() - began

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, which it should never be during a drill."""
        return self._process is not None and self._process.returncode is not None

    async def insist(self) -> None:
        """See to it that it lives: it may end only at its failpoint, and is then started again.

        Raises:
            DrillFailed: it ended for another reason.
        """
        if not self.has_ended:
            return
        if not self._failpoint or self._process is None or self._process.returncode != -signal.SIGKILL:
            raise DrillFailed("`watch` ended during the drill")
        self._failpoint = None
        self.revived_at = self._patient.clock.now()
        await self.start()

    async def stop(self) -> None:
        """Ask it to stop its children and itself; kill it if it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def log_tail(self) -> str:
        """The last lines that it wrote."""
        try:
            content = self.log.read_bytes()
        except OSError:
            return ""
        return content[-_TAIL_BYTES:].decode(errors="replace")

    def _is_up(self) -> bool:
        return any(line.startswith(b"watching ") for line in self.log.read_bytes().splitlines())
