"""Small file systems that can be filled without harm."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kernel import HandClock, Kernel

from paramedic.packs.host import pressure


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """``mount("size=1m")`` gives the folder of a new file system in memory; skipped where mounting is not allowed."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        folder = tmp_path / f"volume{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "paramedic-test", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if os.geteuid() != 0 or done.returncode:
            pytest.skip(
                f"mounting a small file system needs root: {done.stderr.partition(chr(10))[0].rpartition(': ')[2]}"
            )
        mounted.append(folder)
        return folder

    if shutil.which("mount") is None:
        pytest.skip("there is no `mount` here")
    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, percent: float, *, name: str = "filler", size: int = 4096) -> None:
    """Write files until so much of the file system is used."""
    count = 0
    while True:
        seen = os.statvfs(folder)
        if 100 * (seen.f_blocks - seen.f_bfree) / seen.f_blocks >= percent:
            return
        (folder / f"{name}{count}.tmp").write_bytes(b"x" * size)
        count += 1


@pytest.fixture(name="fill")
def fill_fixture() -> Callable[..., None]:
    """``fill(folder, percent)`` writes files until so much is used."""
    return fill


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A prepared kernel in place of the real one: exhausting this machine would take it down."""
    folder = tmp_path / "kernel"
    folder.mkdir()
    made = Kernel(folder)
    monkeypatch.setattr(pressure, "SYSTEM", made.system)
    return made


@pytest.fixture
def hands(bench) -> HandClock:
    """The bench's clock, moved by hand."""
    bench.clock = HandClock()
    return bench.clock
