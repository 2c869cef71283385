"""Reads what a ``pyproject.toml`` declares: the standard tables, dependency groups, and those of Poetry."""

import re
from collections.abc import Mapping
from pathlib import Path

from packaging.dependency_groups import resolve_dependency_groups
from packaging.utils import canonicalize_name

from paramedic.packs.python import requirements, toml
from paramedic.packs.python.toml import Toml, table, texts
from paramedic.packs.python.wanted import Declared, holds, understood, wanted_of


def read(path: Path, groups: tuple[str, ...], declared: Declared, markers: Mapping[str, str]) -> set[str]:
    """Add what the file declares for an environment with these markers; returns the groups that it knows."""
    file = toml.read(path, groups, declared, markers, "a `pyproject.toml`")
    if file is None:
        return set(groups)
    project = table(file.data, "project")
    file.python(project.get("requires-python"))
    _take(file, project.get("dependencies"))
    optional = table(project, "optional-dependencies")
    for name in filter(file.wishes, optional):
        _take(file, optional[name])
    _dynamic(file)
    extra_groups = table(file.data, "dependency-groups")
    for name in filter(file.wishes, extra_groups):
        _group(file, extra_groups, name)
    return {*optional, *extra_groups, *_poetry(file, table(file.data, "tool", "poetry"))}


def _take(file: Toml, entries: object) -> None:
    for entry in entries if isinstance(entries, list | tuple) else ():
        line = file.line_of(str(entry)) or file.line_of(str(entry).partition('"')[0])
        requirement = understood(entry) if isinstance(entry, str) else "it is no text"
        if isinstance(requirement, str):
            file.unclear(f"`{str(entry)[:100]}`: {requirement}", line=line)
        elif holds(requirement.marker, file.markers):
            file.declared.wanted.append(wanted_of(requirement, file.path, line))


def _group(file: Toml, groups: toml.Table, name: str) -> None:
    try:
        entries = resolve_dependency_groups(groups, name)  # type: ignore[arg-type]  # it checks the shape itself
    except Exception as error:  # a boundary: whatever a hostile table makes of it, in groups of errors, too
        why = next(iter(getattr(error, "exceptions", ())), error)
        line = file.line_of(f"{name} =") or file.line_of(name)
        file.unclear(f"the group `{name}`: {str(why)[:200]}", line=line, expected="a list of requirements")
        return
    _take(file, entries)


def _dynamic(file: Toml) -> None:
    """What setuptools takes from requirements files."""
    dynamic = table(file.data, "tool", "setuptools", "dynamic")
    optional = table(dynamic, "optional-dependencies")
    sources = [table(dynamic, "dependencies"), *(table(optional, name) for name in filter(file.wishes, optional))]
    for source in sources:
        names = source.get("file")
        for name in (names,) if isinstance(names, str) else texts(names):
            requirements.read(file.path.parent / name, file.declared, file.markers)


def _poetry(file: Toml, poetry: toml.Table) -> set[str]:
    """Poetry's own tables, from before it took up the standard ones; returns the groups that it knows."""
    groups, extras = table(poetry, "group"), table(poetry, "extras")
    wished = {canonicalize_name(each) for name in filter(file.wishes, extras) for each in texts(extras[name])}
    for wishes in (
        table(poetry, "dependencies"),
        *(table(groups, name, "dependencies") for name in filter(file.wishes, groups)),
    ):
        for name, wish in wishes.items():
            options = wish if isinstance(wish, Mapping) else {"version": wish}
            if not options.get("optional") or canonicalize_name(name) in wished:
                _poetry_one(file, name, options)
    return {*groups, *extras}


def _poetry_one(file: Toml, name: str, options: toml.Table) -> None:
    version = options.get("version", "*")
    if not isinstance(version, str):
        return
    if name == "python":
        file.python(from_poetry(version))
        return
    extras = f"[{','.join(texts(options.get('extras')))}]" if texts(options.get("extras")) else ""
    marker = f" ; {condition}" if isinstance(condition := options.get("markers"), str) else ""
    requirement = understood(f"{name}{extras}{from_poetry(version)}{marker}")
    line = file.line_of(f"{name} =") or file.line_of(name)
    if isinstance(requirement, str):
        file.unclear(f"`{name}` = `{version[:100]}`: {requirement}", line=line, expected="a version such as `^1.0`")
    elif holds(requirement.marker, file.markers):
        file.declared.wanted.append(wanted_of(requirement, file.path, line))


def from_poetry(version: str) -> str:
    """A constraint of Poetry as the standard has it: ``^1.2`` is ``>=1.2,<2``."""
    return ",".join(filter(None, (_one(each.strip()) for each in version.split(","))))


def _one(part: str) -> str:
    if part in ("", "*"):
        return ""
    numbers = part.lstrip("^~=").strip()
    release = re.match(r"\d+(\.\d+)*", numbers)
    if part[0] == "^" and release:
        counts = [int(each) for each in release[0].split(".")]
        at = next((n for n, each in enumerate(counts) if each), len(counts) - 1)
        return f">={numbers},<{'.'.join(map(str, (*counts[:at], counts[at] + 1)))}"
    if part[0] == "~" and part[1:2] != "=" and release:
        counts = [int(each) for each in release[0].split(".")]
        upper = (counts[0] + 1,) if len(counts) == 1 else (counts[0], counts[1] + 1)
        return f">={numbers},<{'.'.join(map(str, upper))}"
    return f"=={part}" if part[0].isdigit() else part
