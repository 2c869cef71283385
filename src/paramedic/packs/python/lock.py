"""Reads which versions a lock file fixes: ``uv.lock``, ``poetry.lock``, ``pylock.toml``."""

from collections.abc import Mapping
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from paramedic.packs.python import toml
from paramedic.packs.python.pyproject import from_poetry
from paramedic.packs.python.toml import Table, Toml, table, tables, texts
from paramedic.packs.python.wanted import Declared, Wanted, holds

_MAIN = "main"


def read(path: Path, groups: tuple[str, ...], declared: Declared, markers: Mapping[str, str]) -> set[str]:
    """Add what the file fixes for an environment with these markers; returns the groups that it knows."""
    what = "a lock file: `uv.lock`, `poetry.lock` or `pylock.toml`"
    file = toml.read(path, groups, declared, markers, what)
    if file is None:
        return set(groups)
    if "lock-version" in file.data:
        return _pylock(file)
    if "package" not in file.data:
        file.unclear(f"`{path.name}` locks no package", expected=what)
        return set(groups)
    return _poetry(file) if "metadata" in file.data else _uv(file)


def _uv(file: Toml) -> set[str]:
    """What the project itself needs, and what that needs: other packages of the file are for other machines."""
    file.python(file.data.get("requires-python"))
    by_name: dict[str, list[Table]] = {}
    for each in tables(file.data["package"]):
        by_name.setdefault(str(each.get("name")), []).append(each)
    members = {
        name
        for name, forks in by_name.items()
        if any({"virtual", "editable"} & table(each, "source").keys() for each in forks)
    }
    known: set[str] = set()
    todo: list[Table] = []
    for root in (each for name in members for each in by_name[name]):
        todo += tables(root.get("dependencies"))
        for kind in ("optional-dependencies", "dev-dependencies"):
            known |= table(root, kind).keys()
            todo += [entry for name in filter(file.wishes, table(root, kind)) for entry in tables(root[kind][name])]  # type: ignore[index]  # a table, as its keys have shown
    lines, seen = _lines(file.text), set[tuple[str, str, str]]()
    while todo:
        entry = todo.pop()
        if not _applies(entry.get("marker"), file):
            continue
        for package in by_name.get(str(entry.get("name")), ()):
            name, version = str(package.get("name")), str(package.get("version"))
            forks = package.get("resolution-markers")
            is_fork = entry.get("version", version) != version
            if is_fork or (forks is not None and not any(_applies(each, file) for each in texts(forks))):
                continue
            for extra in ("", *texts(entry.get("extra"))):
                if (name, version, extra) in seen:
                    continue
                seen.add((name, version, extra))
                needs = table(package, "optional-dependencies").get(extra) if extra else package.get("dependencies")
                todo += tables(needs)
                if not extra and name not in members:
                    _fix(file, package, lines)
    return known


def _poetry(file: Toml) -> set[str]:
    """Before lock version 2.1 nothing says for what a package is there: then only its version counts."""
    versions = table(file.data, "metadata").get("python-versions")
    file.python(from_poetry(versions) if isinstance(versions, str) else None)
    known = set(table(file.data, "extras"))
    wished = {_MAIN, *file.groups}
    lines = _lines(file.text)
    for package in tables(file.data["package"]):
        groups = {str(canonicalize_name(each)) for each in texts(package.get("groups"))}
        known |= groups - {_MAIN}
        condition = package.get("markers")
        conditions = (
            [condition.get(each) for each in groups & wished] if isinstance(condition, Mapping) else [condition]
        )
        is_required = (
            bool(groups & wished) and not package.get("optional") and any(_applies(each, file) for each in conditions)
        )
        _fix(file, package, lines, is_required=is_required)
    return known


def _pylock(file: Toml) -> set[str]:
    file.python(file.data.get("requires-python"))
    wished = file.groups | frozenset(texts(file.data.get("default-groups")))
    lines = _lines(file.text)
    for package in tables(file.data.get("packages")):
        if _applies(package.get("marker"), file, extras=wished, dependency_groups=wished):
            _fix(file, package, lines)
    return {*texts(file.data.get("extras")), *texts(file.data.get("dependency-groups"))}


def _applies(condition: object, file: Toml, **more: frozenset[str]) -> bool:
    """Whether a marker holds; one that makes no sense asks nothing."""
    if not isinstance(condition, str) or not condition.strip():
        return True
    try:
        return holds(Marker(condition), file.markers, **more)
    except InvalidMarker:
        return False


def _fix(file: Toml, package: Table, lines: Mapping[tuple[str, str], int], *, is_required: bool = True) -> None:
    """Note a package with its version. One that comes from a folder or a repository may have none."""
    name, version = package.get("name"), package.get("version")
    if not isinstance(name, str) or not name:
        return
    specifier = SpecifierSet()
    if isinstance(version, str):
        try:
            specifier = SpecifierSet(f"=={Version(version)}")
        except InvalidVersion:
            file.unclear(f"`{name}` has no version but `{version[:100]}`", line=file.line_of(f'"{version}"'))
            return
    file.declared.wanted.append(
        Wanted(
            name=name,
            specifier=specifier,
            source=file.path,
            line=lines.get((name, str(version))),
            argument=f"{name}{specifier}",
            is_locked=True,
            is_required=is_required,
        )
    )


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Name and version of each package to the line of its name."""
    found: dict[tuple[str, str], int] = {}
    name, at = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = line.partition(" = ")
        if equals and key == "name":
            name, at = value.strip().strip('"'), number
        elif equals and key == "version" and name:
            found.setdefault((name, value.strip().strip('"')), at)
            name = ""
    return found
