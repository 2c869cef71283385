"""Which Python a component runs on, and what is declared about it."""

from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter with its packages."""

    interpreter: Path | None = None
    """The program, such as ``.venv/bin/python``, or a name that is looked for on the ``PATH``. Without it: what the
    component's process is started with, else ``.venv`` or ``venv`` beside the service file."""
    requirements: tuple[Path, ...] = ()
    """Requirements files as pip reads them; what they include is read, too."""
    pyproject: Path | None = None
    """A ``pyproject.toml`` whose dependencies must be installed."""
    groups: tuple[str, ...] = ()
    """Optional groups of the pyproject or lock file that must be installed as well."""
    lock: Path | None = None
    """A ``poetry.lock``, ``uv.lock`` or ``pylock.toml`` whose versions must be the installed ones."""
    requires_python: str | None = None
    """Versions of Python that will do, such as ``>=3.11``; beside what the files themselves say."""
    virtualenv: bool = True
    """Whether the interpreter should have a virtual environment of its own; say no inside a container."""

    def __post_init__(self) -> None:
        if self.requires_python is not None:
            try:
                SpecifierSet(self.requires_python)
            except InvalidSpecifier:
                raise ValueError(f"`{self.requires_python}` says no versions; write it like `>=3.11,<3.14`") from None

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that declares something."""
        return tuple(each for each in (*self.requirements, self.pyproject, self.lock) if each)
