"""What is declared about a component's packages, from whatever file it came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LIMIT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One package that is declared, or whose version is."""

    name: str
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()
    source: Path
    line: int | None = None
    argument: str
    """What pip is given for it, without its marker."""
    is_editable: bool = False
    is_required: bool = True
    """It must be installed; else its version only counts where it is."""
    is_locked: bool = False
    """A lock file says so: another version is a drift rather than a fault."""
    hashes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name as all its spellings are compared."""
        return canonicalize_name(self.name)

    @property
    def where(self) -> str:
        """File and line, for people."""
        return f"`{self.source.name}`" + (f" line {self.line}" if self.line else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Something in a file that cannot be understood."""

    source: Path
    line: int | None = None
    observed: str
    expected: str = "a requirement such as `name>=1.0`"
    is_whole_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Where pip finds packages, as a requirements file says."""

    option: str
    """``--index-url`` and the like."""
    value: str | None = None


@dataclass(kw_only=True)
class Declared:
    """Everything that the files of one component say."""

    wanted: list[Wanted] = field(default_factory=list)
    unclear: list[Unclear] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    constraints: list[Path] = field(default_factory=list)
    requires_python: list[tuple[SpecifierSet, str]] = field(default_factory=list)
    """Versions of Python that will do, and who says so."""
    unnamed: list[str] = field(default_factory=list)
    """What names no package that could be looked for, such as an archive without a name."""


def holds(marker: Marker | None, markers: Mapping[str, str], **more: frozenset[str] | str) -> bool:
    """Whether a marker is true in an environment. One that cannot be decided is taken as false: it asks nothing."""
    if marker is None:
        return True
    try:
        context = "lock_file" if any(isinstance(each, frozenset) for each in more.values()) else "requirement"
        return marker.evaluate({**markers, "extra": "", **more}, context)  # type: ignore[arg-type]  # a closed set of words
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError, KeyError):
        return False


@lru_cache(maxsize=10_000)
def understood(text: str) -> Requirement | str:
    """A requirement, or why it is none."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        return str(error).splitlines()[0][:200]


def wanted_of(found: Requirement, source: Path, line: int | None) -> Wanted:
    """What a requirement asks for."""
    bare = Requirement(str(found))
    bare.marker = None
    return Wanted(
        name=found.name,
        specifier=found.specifier,
        extras=frozenset(found.extras),
        source=source,
        line=line,
        argument=str(bare),
    )
