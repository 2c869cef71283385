"""Everything that is declared for one component, from all of its files."""

from collections.abc import Mapping
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from paramedic.packs.python import lock, pyproject, requirements
from paramedic.packs.python.target import Python
from paramedic.packs.python.wanted import Declared, Unclear, Wanted


def gather(target: Python, markers: Mapping[str, str]) -> Declared:
    """What must hold in an environment with these markers. Reads files: may block."""
    declared = Declared()
    if target.requires_python:
        declared.requires_python.append((SpecifierSet(target.requires_python), "`requires_python`"))
    for path in target.requirements:
        requirements.read(path, declared, markers)
    known: set[str] = set()
    if target.pyproject:
        known |= pyproject.read(target.pyproject, target.groups, declared, markers)
    if target.lock:
        known |= lock.read(target.lock, target.groups, declared, markers)
    names = {canonicalize_name(each): each for each in target.groups}
    for key in names.keys() - {canonicalize_name(each) for each in known}:
        source = target.pyproject or target.lock or Path("pyproject.toml")
        declared.unclear.append(
            Unclear(
                source=source,
                observed=f"there is no group `{names[key]}`",
                expected=f"one of {', '.join(f'`{each}`' for each in sorted(known))}" if known else "a declared group",
            )
        )
    declared.wanted = _merged(declared.wanted)
    return declared


def _merged(wanted: list[Wanted]) -> list[Wanted]:
    """Each once: a file may be included by several."""
    return list({(each.key, each.source, each.line, each.argument): each for each in wanted}.values())
