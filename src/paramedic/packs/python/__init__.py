"""The Python that a component runs on: its version, its environment, its packages."""

from datetime import datetime
from pathlib import Path

from paramedic.model.change import Change, ChangeKind
from paramedic.packs.python.actions import InstallPackage
from paramedic.packs.python.checks import conflicts, interpreter, packages, requirements
from paramedic.packs.python.target import Python
from paramedic.sdk import Kind, Pack
from paramedic.sdk.changed import written


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


def _changed(target: Python, since: datetime, _home: Path) -> tuple[Change, ...]:
    """Packages that came or changed since then."""
    if target.interpreter is None:
        return ()
    places = target.interpreter.parent.parent.glob("lib/python*/site-packages/*.dist-info")
    return written(places, since, ChangeKind.PACKAGE, what="`{}` was installed")


pack = Pack(
    name="python",
    kinds=(
        Kind(
            name="python",
            summary="the Python that a component runs on: version, virtual environment, packages",
            target=Python,
            files=_files,
            changed=_changed,
        ),
    ),
    checks=(interpreter, packages, conflicts, requirements),
    actions=(InstallPackage,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
