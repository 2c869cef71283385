"""What a program is made of, as far as it can be read: the files its command line names, and what these import."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MODULE = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)(?::[\w.()]+)?")
_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]*(\([^)]*|[\w, \t]*)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_REQUIRED = re.compile(r"""(?:require\(|from|import\(?)\s*["'](\.{1,2}/[^"'\n]+)["']""")
_READS_VARIABLES = re.compile(r"environ|getenv|process\.env|dotenv|\bENV\[|\bEnv\b")
_SCRIPTS = (".js", ".mjs", ".cjs", ".ts")
_PYTHON = (".py", "")
_NOT_OURS = ("site-packages", "node_modules", "dist-packages")
_MOST_FILES = 200
_LONGEST = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The text that steers a program. It may hold secrets: searched, never shown."""

    text: str = ""
    is_known: bool = False
    """Whether some of it was found at all."""
    imports: frozenset[str] = frozenset()
    """Packages that it takes from elsewhere, those that come with Python left out."""

    @property
    def reads_variables(self) -> bool:
        """Whether it may look at its environment; what is not known may."""
        return not self.is_known or bool(self.imports or _READS_VARIABLES.search(self.text))


def code_of(command: tuple[str, ...], cwd: Path | None) -> Code:
    """The files that a command line names, and what they import from beside them."""
    if cwd is None:
        return Code(text=" ".join(command))
    reading = _Reading(cwd)
    for path in _entries(command, cwd):
        reading.take(path)
    return Code(
        text="\n".join((" ".join(command), *reading.texts.values())),
        is_known=bool(reading.texts),
        imports=frozenset(reading.foreign - sys.stdlib_module_names),
    )


def _entries(command: tuple[str, ...], cwd: Path) -> Iterator[Path]:
    """Files and modules among the words: ``app.py``, ``-m shop``, ``shop.main:app``, ``--config=x.yaml``."""
    for word in command[1:]:
        value = word.partition("=")[2] if word.startswith("-") else word
        if not value or len(value) > 1000:
            continue
        path = cwd / value
        if _is_file(path):
            yield path
        elif module := _MODULE.fullmatch(value):
            yield from _module(module[1], (cwd, cwd / "src"))


def _module(name: str, roots: tuple[Path, ...]) -> Iterator[Path]:
    inner = name.replace(".", "/")
    for root in roots:
        found = [path for path in (root / f"{inner}.py", root / inner / "__init__.py") if _is_file(path)]
        if found:
            yield from (*found, *(each for each in [root / inner / "__main__.py"] if _is_file(each)))
            return


class _Reading:
    """Follows imports from file to file."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self.texts: dict[Path, str] = {}
        self.foreign: set[str] = set()

    def take(self, start: Path) -> None:
        """Read a file, and what it imports from beside it."""
        waiting = [start]
        while waiting and len(self.texts) < _MOST_FILES:
            path = waiting.pop()
            if path in self.texts or (text := _text(path)) is None:
                continue
            self.texts[path] = text
            if path.suffix in _PYTHON:
                waiting += self._imported(path, text, (self._cwd, self._cwd / "src", start.parent))
            elif path.suffix in _SCRIPTS:
                waiting += _required(path, text)

    def _imported(self, path: Path, text: str, roots: tuple[Path, ...]) -> Iterator[Path]:
        names = [name.split(" as ")[0].strip() for each in _IMPORT.findall(text) for name in each.split(",")]
        for origin, members in _FROM.findall(text):
            inner = origin.lstrip(".")
            if dots := len(origin) - len(inner):
                base = path.parents[min(dots, len(path.parents)) - 1]
                yield from _module(inner, (base,)) if inner else ()
                yield from self._members(inner, members, (base,))
            else:
                names.append(inner)
                yield from self._members(inner, members, roots)
        for name in filter(None, names):
            found = list(_module(name, roots))
            yield from found
            if not found and not list(_module(name.partition(".")[0], roots)):
                self.foreign.add(name.partition(".")[0])

    def _members(self, origin: str, members: str, roots: tuple[Path, ...]) -> Iterator[Path]:
        """``from shop import routes`` may name a module."""
        for each in re.split(r"[(,\s]+", members):
            if each.isidentifier():
                yield from _module(f"{origin}.{each}" if origin else each, roots)


def _required(path: Path, text: str) -> Iterator[Path]:
    for each in _REQUIRED.findall(text):
        near = path.parent / each
        tries = (near, *(near.with_name(near.name + end) for end in (*_SCRIPTS, ".json")), near / "index.js")
        yield from (one for one in tries if _is_file(one))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _text(path: Path) -> str | None:
    """The text of a file of the project; ``None`` for programs, packages and what may not be read."""
    if any(part in _NOT_OURS for part in path.parts):
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
    except OSError:
        return None
    return None if b"\0" in content[:4096] else content.decode("utf-8", "replace")
