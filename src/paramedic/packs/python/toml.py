"""A TOML file that declares packages, while it is read: its tables, its lines, and where its say goes."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from paramedic.packs.python.wanted import LIMIT_BYTES, Declared, Unclear
from paramedic.sdk.files import read_whole

Table = Mapping[str, object]
_PLACE = re.compile(r"\(at line (\d+),")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toml:
    """One file, for one environment."""

    path: Path
    data: Table
    text: str
    groups: frozenset[str]
    """Canonical names of the optional groups that are wished."""
    markers: Mapping[str, str]
    declared: Declared

    def wishes(self, group: str) -> bool:
        """Whether an optional group is wished."""
        return canonicalize_name(group) in self.groups

    def line_of(self, needle: str) -> int | None:
        """The line on which something stands first."""
        at = self.text.find(needle)
        return self.text.count("\n", 0, at) + 1 if needle and at >= 0 else None

    def unclear(self, observed: str, *, line: int | None = None, expected: str = "") -> None:
        """Note something that makes no sense."""
        self.declared.unclear.append(
            Unclear(
                source=self.path,
                line=line,
                observed=observed,
                expected=expected or "a requirement such as `name>=1.0`",
            )
        )

    def python(self, versions: object) -> None:
        """Note which versions of Python will do, where the file says so."""
        if not isinstance(versions, str) or not versions:
            return
        try:
            self.declared.requires_python.append((SpecifierSet(versions), f"`{self.path.name}`"))
        except InvalidSpecifier:
            self.unclear(
                f"`{versions[:100]}` says no versions of Python",
                line=self.line_of(versions),
                expected="versions such as `>=3.11`",
            )


def read(path: Path, groups: tuple[str, ...], declared: Declared, markers: Mapping[str, str], what: str) -> Toml | None:
    """The file; ``None``, and noted, where it cannot be read."""
    line = None
    try:
        text = read_whole(path, LIMIT_BYTES).decode("utf-8")
        return Toml(
            path=path,
            data=tomllib.loads(text),
            text=text,
            groups=frozenset(canonicalize_name(each) for each in groups),
            markers=markers,
            declared=declared,
        )
    except FileNotFoundError:
        why = "does not exist"
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError) as error:
        place = _PLACE.search(str(error))
        why, line = f"is no TOML: {str(error)[:200]}", int(place[1]) if place else None
    declared.unclear.append(
        Unclear(source=path, line=line, observed=f"`{path.name}` {why}", expected=what, is_whole_file=True)
    )
    return None


def table(data: object, *keys: str) -> Table:
    """A table within tables; empty where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def tables(entries: object) -> tuple[Table, ...]:
    """The tables of a list; none where it is no list."""
    return tuple(each for each in entries if isinstance(each, Mapping)) if isinstance(entries, list) else ()


def texts(entries: object) -> tuple[str, ...]:
    """The entries of a list as text; none where it is no list."""
    return tuple(map(str, entries)) if isinstance(entries, list) else ()
