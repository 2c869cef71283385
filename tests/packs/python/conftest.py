"""Real virtual environments, and small real wheels made on the spot: no network is needed."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

RECORD_HASH = "sha256"


def wheel(folder: Path, name: str, version: str, requires: Iterable[str] = (), extras: Iterable[str] = ()) -> Path:
    """Write a wheel that pip installs: one module, and metadata that says what it needs."""
    folder.mkdir(exist_ok=True)
    plain = name.replace("-", "_")
    info = f"{plain}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {each}" for each in extras]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    contents = {
        f"{plain}.py": f"version = {version!r}\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        rows = []
        for place, text in contents.items():
            archive.writestr(place, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{place},{RECORD_HASH}={digest},{len(text)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """A virtual environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    @property
    def packages(self) -> Path:
        [found] = self.folder.glob("lib/python*/site-packages")
        return found

    def unpack(self, path: Path) -> None:
        """Install a wheel the quick way: a wheel without scripts only needs to be unpacked."""
        with zipfile.ZipFile(path) as archive:
            archive.extractall(self.packages)

    def freeze(self) -> dict[str, str]:
        """What the interpreter itself can import, by name."""
        code = "from importlib.metadata import distributions as d\nfor e in d(): print(e.metadata['Name'], e.version)"
        done = subprocess.run([self.python, "-I", "-c", code], capture_output=True, text=True, check=True)
        return dict(line.split() for line in done.stdout.splitlines())


def make_venv(folder: Path, *, with_pip: bool = False, python: str = sys.executable) -> Venv:
    """A real virtual environment."""
    command = [python, "-m", "venv", *([] if with_pip else ["--without-pip"]), str(folder)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return Venv(folder=folder)


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    """A virtual environment without packages, not even pip, where a service would have it."""
    return make_venv(tmp_path / ".venv")


@pytest.fixture(scope="session")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of packages of an environment with pip; making one takes seconds, copying it does not."""
    return make_venv(tmp_path_factory.mktemp("pip") / "venv", with_pip=True).packages


@pytest.fixture
def venv_with_pip(venv: Venv, pip: Path) -> Venv:
    """A virtual environment with pip and nothing else."""
    shutil.copytree(pip, venv.packages, dirs_exist_ok=True)
    return venv


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., None]:
    """``install(venv, "name", "1.0", requires=[…])`` puts a small package into an environment."""

    def put(venv: Venv, name: str, version: str, **more: Iterable[str]) -> None:
        venv.unpack(wheel(tmp_path / "wheels", name, version, **more))

    return put


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """``write("requirements.txt", text)`` writes a file beside the service file."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return put
