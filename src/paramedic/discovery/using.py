"""What a process evidently uses of a project: what it has open, is told of, or its own code names. Nearness is none."""

import re
from collections.abc import Mapping
from pathlib import Path

from paramedic.discovery.addresses import databases_in, read_settings
from paramedic.discovery.project import Project
from paramedic.discovery.scene import Part

_ENV_FILE = re.compile(r"dotenv|BaseSettings|env_file|(?<![\w)\]])\.env(?![\w])")
_COMPANIONS = ("-wal", "-shm", "-journal")


def uses_settings(part: Part, path: Path) -> bool:
    """Whether it reads an ``.env`` file: by name, through a library, or as it was started with all that it sets."""
    if part.process is None or part.is_asked_only or not _is_near(part, path.parent):
        return False
    if path in part.opened or _ENV_FILE.search(part.code.text):
        return True
    settings = read_settings(path)
    return bool(settings) and part.code.reads_variables and settings.items() <= part.variables.items()


def uses_file(part: Part, path: Path, project: Project) -> bool:
    """Whether it has a file open, or is told of it by its command line, its environment, its files or its code."""
    if part.process is None:
        return False
    if path in part.opened or any(path.with_name(path.name + end) in part.opened for end in _COMPANIONS):
        return True
    if str(path) in part.code.text:
        return True
    if path in project.environment:
        return uses_settings(part, path)
    if part.is_asked_only or not _is_near(part, project.folder):
        return False
    if _is_named(path, part.code.text):
        return True
    told = _paths(part.variables, part.process.cwd or project.folder) if part.code.reads_variables else set()
    for each in project.environment:
        if uses_settings(part, each):
            told |= _paths(read_settings(each), project.folder)
    return path in told


def uses_packages(part: Part, folder: Path) -> bool:
    """Whether a virtual environment's own interpreter runs it, and it takes anything from there."""
    if part.process is None:
        return False
    cwd = part.process.cwd or folder
    programs = folder / "bin"
    run_by = any((cwd / word).is_relative_to(programs) for word in part.process.command[:2] if word)
    inside = any(each.is_relative_to(folder) and each.suffix in (".so", ".py", ".pyc") for each in part.opened)
    return inside or (run_by and (bool(part.code.imports) or not part.code.is_known))


def _is_near(part: Part, folder: Path) -> bool:
    """Whether it runs in the folder, or its program or script lies there: only then a bare name means a file of it."""
    if part.process is None:
        return False
    cwd = part.process.cwd
    if cwd and cwd.is_relative_to(folder):
        return True
    return any(word.startswith("/") and Path(word).is_relative_to(folder) for word in part.process.command[:3])


def _is_named(path: Path, text: str) -> bool:
    """Whether a text holds the name, with no other folder before it: ``"rules.yaml"``, ``config/rules.yaml``."""
    for found in re.finditer(rf"((?:[\w.~-]*/)*)(?<![\w.-]){re.escape(path.name)}(?![\w-])", text):
        folder = found[1].removeprefix("./").lstrip("/")
        if f"/{path}".endswith(f"/{folder}{path.name}"):
            return True
    return False


def _paths(variables: Mapping[str, str], folder: Path) -> set[Path]:
    """Files that the values name."""
    plain = {folder / value for value in variables.values() if value and len(value) < 1000 and "://" not in value}
    return plain | set(databases_in(variables, folder))
