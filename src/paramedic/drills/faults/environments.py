"""The Python that a part runs on: too old, without an environment of its own, with packages missing or in conflict.

The patient gets a virtual environment of its own and small wheels beside it, so that no network is needed.
"""

import asyncio
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient

_ENVIRONMENT = "runtime"
_WHEELS = "wheels"
_BASKET = "basket"


def _cannot_make_environments() -> str | None:
    return None if importlib.util.find_spec("ensurepip") else "this Python brings no pip for new environments"


def _runtime(*, with_pip: bool = False) -> Step:
    async def prepare(patient: Patient) -> None:
        folder = patient.folder
        options = () if with_pip else ("--without-pip",)
        await asyncio.to_thread(_run, sys.executable, "-m", "venv", *options, str(folder / _ENVIRONMENT))
        for version in ("1.0", "2.0"):
            _wheel(folder / _WHEELS, _BASKET, version)
        _unpack(patient, "1.0")
        (folder / "requirements.txt").write_text(f"--no-index\n--find-links {_WHEELS}\n{_BASKET}>=1,<2\n")
        (folder / "pyproject.toml").write_text('[project]\nname = "shop"\nrequires-python = ">=3.9"\n')
        patient.edit(
            lambda document: document["components"].update(
                runtime={
                    "kind": "python",
                    "interpreter": f"{_ENVIRONMENT}/bin/python",
                    "requirements": ["requirements.txt"],
                    "pyproject": "pyproject.toml",
                    "interval": "500ms",
                }
            )
        )

    return prepare


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        raise DrillFailed(f"`{' '.join(command)}` failed: {ended.stderr.decode(errors='replace').strip()}")


def _wheel(folder: Path, name: str, version: str) -> None:
    """The smallest wheel that pip installs."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: paramedic\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{each},,\n" for each in (*contents, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for place, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(place, text)


def _packages(patient: Patient) -> Path:
    [found] = (patient.folder / _ENVIRONMENT).glob("lib/python*/site-packages")
    return found


def _unpack(patient: Patient, version: str) -> None:
    """What installing such a wheel comes to."""
    with zipfile.ZipFile(patient.folder / _WHEELS / f"{_BASKET}-{version}-py3-none-any.whl") as archive:
        archive.extractall(_packages(patient))


def _remove(patient: Patient, version: str) -> None:
    info = _packages(patient) / f"{_BASKET}-{version}.dist-info"
    compiled = (_packages(patient) / "__pycache__").glob(f"{_BASKET}.*")  # it would be taken for that of the next one
    for path in (*info.iterdir(), *compiled, _packages(patient) / f"{_BASKET}.py"):
        path.unlink()
    info.rmdir()


@fault("python-too-old", prepare=_runtime())
async def ask_for_a_later_python(patient: Patient) -> None:
    """Declare that the shop needs a later Python than the one that it runs on."""
    later = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"
    path = patient.folder / "pyproject.toml"
    patient.mark()
    path.write_text(path.read_text().replace(">=3.9", f">={later}"))


@fault("not-in-virtualenv", prepare=_runtime())
async def take_the_environment_away(patient: Patient) -> None:
    """Remove what makes a virtual environment of the interpreter, so that it is the system's own."""
    path = patient.folder / _ENVIRONMENT / "pyvenv.cfg"
    (patient.folder / "requirements.txt").write_text("")  # what the system has installed is another question
    patient.mark()
    path.unlink()


async def _is_installed(patient: Patient) -> None:
    """The interpreter itself imports the package, in an allowed version."""
    python = patient.folder / _ENVIRONMENT / "bin/python"
    code = f"import {_BASKET}; raise SystemExit({_BASKET}.version != '1.0')"
    await asyncio.to_thread(_run, str(python), "-I", "-c", code)


@fault(
    "python-package-missing",
    prepare=_runtime(with_pip=True),
    afterwards=_is_installed,
    impossible=_cannot_make_environments,
)
async def lose_a_package(patient: Patient) -> None:
    """Remove a package that the shop declares."""
    patient.mark()
    _remove(patient, "1.0")


@fault("python-package-conflict", prepare=_runtime())
async def install_another_version(patient: Patient) -> None:
    """Put a version of a package in place that the shop does not allow."""
    patient.mark()
    _remove(patient, "1.0")
    _unpack(patient, "2.0")
