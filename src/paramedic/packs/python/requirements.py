"""Reads requirements files as pip does: included files, constraints, options, addresses, folders."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from paramedic.packs.python.wanted import LIMIT_BYTES, Declared, Index, Unclear, Wanted, holds, understood, wanted_of
from paramedic.sdk.files import read_whole

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OPTIONS = re.compile(r"\s--?[a-zA-Z][\w-]*")
_INCLUDE = {"-r": False, "--requirement": False, "--requirements": False, "-c": True, "--constraint": True}
_EDITABLE = ("-e", "--editable")
_INDEX = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--trusted-host": "--trusted-host",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
}
_FLAGS = {"--no-index": "--no-index", "--pre": "--pre", "--prefer-binary": "--prefer-binary"}
_OTHER = ("--require-hashes", "--use-feature", "--pypi-url", "--process-dependency-links", "--always-unzip", "-Z")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz|tar\.bz2|tar\.xz|tgz)$")
_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One file on the way."""

    path: Path
    only_constrains: bool
    within: tuple[Path, ...]
    """The files that include it, itself last."""


def read(path: Path, declared: Declared, markers: Mapping[str, str]) -> None:
    """Add what a requirements file and those it includes say for an environment with these markers."""
    _read(_Reading(path=path, only_constrains=False, within=(path,)), declared, markers, included_by=None)


def _read(now: _Reading, declared: Declared, markers: Mapping[str, str], included_by: tuple[Path, int] | None) -> None:
    try:
        text = _decoded(read_whole(now.path, LIMIT_BYTES))
    except (OSError, ValueError) as error:  # a name may hold what no file's name can
        reason = getattr(error, "strerror", None) or error
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason}"
        source, line = included_by or (now.path, None)
        declared.unclear.append(
            Unclear(
                source=source,
                line=line,
                observed=f"`{now.path}` {why}",
                expected="a requirements file",
                is_whole_file=included_by is None,
            )
        )
        return
    for line, entry in _entries(text):
        _take(entry, line, now, declared, markers)


def _decoded(content: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    return content.decode("utf-8", errors="replace")


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Each entry with the line on which it begins: continued lines joined, comments and variables as pip has them."""
    began, pending = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not pending:
            began = number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1]
            continue
        yield from _entry(began, pending + line)
        pending = ""
    yield from _entry(began, pending)


def _entry(line: int, text: str) -> Iterator[tuple[int, str]]:
    entry = _COMMENT.sub("", text).strip()
    if entry:
        yield line, _VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), entry)


def _take(entry: str, line: int, now: _Reading, declared: Declared, markers: Mapping[str, str]) -> None:
    def unclear(observed: str, expected: str = "a requirement such as `name>=1.0`") -> None:
        declared.unclear.append(Unclear(source=now.path, line=line, observed=observed, expected=expected))

    if not entry.startswith("-"):
        _requirement(entry, line, now, declared, markers)
        return
    try:
        words = shlex.split(entry)
    except ValueError as error:
        unclear(f"`{entry[:100]}`: {str(error).lower()}", "an option of pip")
        return
    while words:
        option, glued, value = _option(words.pop(0))
        if option in _FLAGS:
            declared.indexes.append(Index(option=_FLAGS[option]))
        elif option in _OTHER:
            if not glued and words and not words[0].startswith("-"):
                words.pop(0)
        elif option in _INCLUDE or option in _INDEX or option in _EDITABLE:
            if not glued and not words:
                unclear(f"`{option}` names nothing", "a value after the option")
                return
            value = value if glued else words.pop(0)
            if option in _INDEX:
                _note_index(_INDEX[option], value, now, declared)
            elif option in _EDITABLE:
                _requirement(value, line, now, declared, markers, is_editable=True)
            else:
                _include(value, line, now, declared, markers, only_constrains=_INCLUDE[option] or now.only_constrains)
        else:
            unclear(f"`{option}` is no option that pip knows in a requirements file", "an option of pip")
            return


def _option(word: str) -> tuple[str, bool, str]:
    """The option, whether its value is glued to it, and that value: ``-rfile``, ``--index-url=…``."""
    if word.startswith("--"):
        option, glued, value = word.partition("=")
        return option, bool(glued), value
    return word[:2], len(word) > 2, word[2:].removeprefix("=")


def _note_index(option: str, value: str, now: _Reading, declared: Declared) -> None:
    beside = now.path.parent / value
    if option == "--find-links" and "://" not in value and os.path.exists(beside):  # noqa: PTH110  # Path raises where a name is too long
        value = str(beside)
    declared.indexes.append(Index(option=option, value=value))


def _include(
    value: str, line: int, now: _Reading, declared: Declared, markers: Mapping[str, str], *, only_constrains: bool
) -> None:
    if "://" in value:
        declared.unnamed.append(f"`{value}` (`{now.path.name}` line {line})")
        return
    path = now.path.parent / value
    if path in now.within or len(now.within) > _DEEPEST:
        return  # files that include each other; pip reads each once, too
    if only_constrains and path not in declared.constraints:
        declared.constraints.append(path)
    inner = _Reading(path=path, only_constrains=only_constrains, within=(*now.within, path))
    _read(inner, declared, markers, included_by=(now.path, line))


def _requirement(
    entry: str,
    line: int,
    now: _Reading,
    declared: Declared,
    markers: Mapping[str, str],
    *,
    is_editable: bool = False,
) -> None:
    cut = _OPTIONS.search(entry)
    text, options = (entry[: cut.start()].strip(), entry[cut.start() :]) if cut else (entry, "")
    hashes = tuple(re.findall(r"--hash[= ](\S+)", options))
    if _is_place(text, now.path.parent, is_editable=is_editable):
        place, _, condition = text.partition(" ; ") if " ; " in text else text.partition(";")
        if condition.strip() and not holds(_marker(condition), markers):
            return
        try:
            named = _named(place.strip(), now.path.parent)
        except ValueError as error:
            observed = f"`{place.strip()[:100]}`: {str(error)[:1].lower()}{str(error)[1:]}"
            declared.unclear.append(Unclear(source=now.path, line=line, observed=observed, expected="an address"))
            return
        if named is None:
            declared.unnamed.append(f"`{place.strip()}` (`{now.path.name}` line {line})")
            return
        wanted = replace(named, source=now.path, line=line, is_editable=is_editable)
    else:
        found = understood(text)
        if isinstance(found, str):
            declared.unclear.append(Unclear(source=now.path, line=line, observed=f"`{text[:100]}`: {found}"))
            return
        if not holds(found.marker, markers):
            return
        wanted = wanted_of(found, now.path, line)
    declared.wanted.append(replace(wanted, is_required=not now.only_constrains, hashes=hashes))


def _marker(condition: str) -> Marker | None:
    found = understood(f"name ; {condition}")
    return None if isinstance(found, str) else found.marker


def _is_place(text: str, folder: Path, *, is_editable: bool) -> bool:
    """Whether pip takes it for an address or a path, as opposed to a name."""
    head = text.partition(";")[0].partition("[")[0].strip()
    if is_editable or re.match(r"[a-z+]+://", text) or text.startswith("file:"):
        return True
    if "@" in head:
        return False  # name @ address
    return "/" in head or head.startswith(".") or (bool(_ARCHIVE.search(head)) and os.path.isfile(folder / head))  # noqa: PTH113  # see above


def _named(place: str, folder: Path) -> Wanted | None:
    """The package behind an address or a path, as far as it can be told without fetching or building."""
    bare, extras = _without_extras(place)
    parts = urlsplit(bare)
    is_local = not parts.scheme or parts.scheme == "file"
    argument = place if not is_local or parts.scheme else str(folder / place)
    if egg := re.search(r"egg=([\w.-]+)", parts.fragment):
        return Wanted(name=egg[1], extras=extras, source=folder, argument=argument)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2]
    try:
        if name.endswith(".whl"):
            found, version, *_ = parse_wheel_filename(name)
        elif _ARCHIVE.search(name):
            found, version = parse_sdist_filename(name)
        else:
            known = _of_project(folder / unquote(parts.path)) if is_local else None
            return Wanted(name=known, extras=extras, source=folder, argument=argument) if known else None
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return Wanted(name=found, specifier=SpecifierSet(f"=={version}"), extras=extras, source=folder, argument=argument)


def _without_extras(place: str) -> tuple[str, frozenset[str]]:
    found = re.fullmatch(r"(.*)\[([\w\s,.-]+)\]", place)
    if found is None:
        return place, frozenset()
    return found[1], frozenset(each.strip() for each in found[2].split(",") if each.strip())


def _of_project(folder: Path) -> str | None:
    """The name that a project in a folder gives itself."""
    try:
        data = tomllib.loads(read_whole(folder / "pyproject.toml", LIMIT_BYTES).decode("utf-8", "replace"))
        name = data.get("project", {}).get("name") or data.get("tool", {}).get("poetry", {}).get("name")
    except (OSError, ValueError, AttributeError):
        name = None
    return name if isinstance(name, str) else _of_setup(folder)


def _of_setup(folder: Path) -> str | None:
    for file, pattern in (("setup.cfg", r"^name\s*=\s*(\S+)"), ("setup.py", r"\bname\s*=\s*[\"']([\w.-]+)[\"']")):
        try:
            text = read_whole(folder / file, LIMIT_BYTES).decode("utf-8", "replace")
        except (OSError, ValueError):
            continue
        if found := re.search(pattern, text, re.MULTILINE):
            return found[1]
    return None
