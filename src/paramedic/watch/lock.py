"""One process per node and state directory runs the engine."""

import errno
import fcntl
import os
from pathlib import Path

from paramedic.model.errors import NodeBusy, NotNow, ParamedicError, Unusable
from paramedic.sdk import proc


class NodeLock:
    """An exclusive lock on a file; the kernel drops it when its holder dies."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "node.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            NodeBusy: another process has it; the message names its pid.
            ParamedicError: the folder for state cannot be used.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "?"
            os.close(descriptor)
            raise NodeBusy(
                f"process {holder} works on this service already",
                hint="ask it with the other commands, or stop it first",
            ) from None
        # A file without a pid is new: perhaps the folder was removed under somebody who works on with the old file.
        if os.fstat(descriptor).st_size == 0 and (other := self._holder_of_a_removed_one()):
            os.close(descriptor)
            raise NodeBusy(
                f"process {other} works on this service already, and its folder for state was removed",
                hint=f"it ends by itself within seconds; if not, stop it: `kill {other}`",
            )
        self._descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError as error:
            self.release()
            raise self._unusable(error) from error

    def is_intact(self) -> bool:
        """Whether the file that we hold is still the one that others find."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def _holder_of_a_removed_one(self) -> int | None:
        wanted = f"{os.path.realpath(self._path.parent)}/{self._path.name} (deleted)"
        return next((pid for pid in proc.pids() if pid != os.getpid() and wanted in proc.links(pid)), None)

    def _unusable(self, error: OSError) -> ParamedicError:
        folder, why = self._path.parent, (error.strerror or str(error)).lower()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space" if full else "let the user who runs Paramedic write there, or name another `state_dir`"
        return (NotNow if full else Unusable)(f"the folder for state `{folder}` cannot be used: {why}", hint=hint)

    def release(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
