"""The Python that a component runs on: its version, its environment, its packages."""

from pathlib import Path

from paramedic.packs.python.actions import InstallPackage
from paramedic.packs.python.checks import conflicts, interpreter, packages, requirements
from paramedic.packs.python.target import Python
from paramedic.sdk import Kind, Pack


def _files(target: Python) -> tuple[Path, ...]:
    """What changes when packages come and go, beside what declares them."""
    if target.interpreter is None:
        return target.files
    environment = target.interpreter.parent.parent
    return (
        *target.files,
        target.interpreter,
        environment / "pyvenv.cfg",
        *environment.glob("lib/python*/site-packages"),
    )


pack = Pack(
    name="python",
    kinds=(
        Kind(
            name="python",
            summary="the Python that a component runs on: version, virtual environment, packages",
            target=Python,
            files=_files,
        ),
    ),
    checks=(interpreter, packages, conflicts, requirements),
    actions=(InstallPackage,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
