"""Users that may not write, and small file systems."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def needs_root() -> None:
    """Skip where nobody else's view can be tried."""
    if os.geteuid() != 0:
        pytest.skip("only root can look at a file as another user")


@pytest.fixture
def reachable(tmp_path: Path) -> Path:
    """A folder into which every user can go, as into those of a service."""
    for folder in (tmp_path, *tmp_path.parents):
        seen = folder.stat()
        if seen.st_uid == os.geteuid() and stat.S_IMODE(seen.st_mode) & 0o011 != 0o011:
            folder.chmod(seen.st_mode | 0o011)
    return tmp_path


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """``mount("size=1m,ro")`` gives the folder of a new file system in memory; skipped where that is not allowed."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        folder = tmp_path / f"volume{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "paramedic-test", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if os.geteuid() != 0 or done.returncode:
            pytest.skip(f"mounting a small file system needs root: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    if shutil.which("mount") is None:
        pytest.skip("there is no `mount` here")
    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
