"""Compares what is declared with what is installed. Pure functions over values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from paramedic.packs.python.facts import Distribution, Facts
from paramedic.packs.python.wanted import Declared, Wanted, holds, understood


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A package that is not installed."""

    name: str
    argument: str
    """What pip is given to install it."""
    wanted: Wanted | None = None
    """Where it is declared."""
    needed_by: str = ""
    """The installed package that needs it, where no file does."""

    @property
    def is_editable(self) -> bool:
        return self.wanted is not None and self.wanted.is_editable


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """An installed version that is not allowed."""

    name: str
    version: str
    allowed: SpecifierSet
    wanted: Wanted | None = None
    """Where it is declared."""
    needed_by: str = ""
    """The installed package that needs another version, where no file does."""


def lacks(declared: Declared, facts: Facts) -> tuple[Lack, ...]:
    """Everything that should be installed and is not: what files declare first, then what that needs."""
    installed = facts.installed or {}
    found: dict[str, Lack] = {}
    for each in declared.wanted:
        if each.is_required and each.key not in installed:
            before = found.get(each.key)
            # what an exact version is known of is installed with it
            if before is None or (each.is_locked and before.wanted and not before.wanted.specifier):
                found[each.key] = Lack(name=each.name, argument=each.argument, wanted=each)
    for name, by, specifier in _needs(declared, facts):
        key = canonicalize_name(name)
        if key not in installed:
            found.setdefault(key, Lack(name=name, argument=f"{name}{specifier}", needed_by=by))
    return tuple(found.values())


def clashes(declared: Declared, facts: Facts) -> tuple[Clash, ...]:
    """Every installed version that a file, or another installed package, does not allow."""
    installed = facts.installed or {}
    found: list[Clash] = []
    for each in declared.wanted:
        seen = installed.get(each.key)
        if seen and not _allows(each.specifier, seen.version):
            found.append(Clash(name=seen.name, version=seen.version, allowed=each.specifier, wanted=each))
    for name, by, specifier in _needs(declared, facts):
        seen = installed.get(canonicalize_name(name))
        if seen and not _allows(specifier, seen.version):
            found.append(Clash(name=seen.name, version=seen.version, allowed=specifier, needed_by=by))
    return tuple(found)


def _needs(declared: Declared, facts: Facts) -> Iterator[tuple[str, str, SpecifierSet]]:
    """What installed packages need, and which of them: those that are declared and all that they lead to.

    Where no file declares anything, all packages of a virtual environment; those of a whole system are no concern of
    the component.
    """
    installed = facts.installed or {}
    meant = (each for each in declared.wanted if each.is_required or each.is_locked)
    todo = [(each.key, extra) for each in meant for extra in ("", *sorted(each.extras))]
    if not declared.wanted and facts.is_virtual:
        todo = [(key, "") for key in installed]
    seen = set(todo)
    while todo:
        key, extra = todo.pop(0)
        for requirement in _requirements(installed.get(key), facts.markers, extra):
            yield requirement
            name, _, _ = requirement
            nexts = [(str(canonicalize_name(name)), each) for each in ("", *sorted(_extras(installed.get(key), name)))]
            todo += [each for each in nexts if each not in seen]
            seen.update(nexts)


def _requirements(
    package: Distribution | None, markers: Mapping[str, str], extra: str
) -> Iterator[tuple[str, str, SpecifierSet]]:
    for text in package.requires if package else ():
        requirement = understood(text)
        if isinstance(requirement, str):
            continue  # old metadata may say what nobody understands; pip ignores it, too
        is_meant = holds(requirement.marker, markers, extra=extra)
        if is_meant and (not extra or not holds(requirement.marker, markers)) and package:
            yield requirement.name, package.name, requirement.specifier


def _extras(package: Distribution | None, name: str) -> set[str]:
    found = (understood(text) for text in (package.requires if package else ()) if name in text)
    return {each for one in found if not isinstance(one, str) and one.name == name for each in one.extras}


def _allows(specifier: SpecifierSet, version: str) -> bool:
    try:
        return specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True  # a version that cannot be compared breaks no rule that can be shown
