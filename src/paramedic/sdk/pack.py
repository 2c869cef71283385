"""A pack: kinds of component with their checks, actions and faults, and how packs are found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from paramedic.model.code import Code, Ending, IssueType
from paramedic.model.errors import PackError
from paramedic.sdk.action import ActionSpec
from paramedic.sdk.check import CheckSpec

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of component."""

    name: str
    summary: str
    target: type
    """A frozen dataclass whose fields are the keys of the service file, with a docstring under each.
    A ``Path`` field is taken relative to the service file; a ``Secret`` field is never shown."""
    address: Callable[[Any], Address | None] = lambda _target: None
    """Host and port it listens on, where it has one. (Any: each kind's own target.)"""
    files: Callable[[Any], tuple[Path, ...]] = lambda _target: ()
    """Files whose changes wake its checks."""
    keeps: Callable[[Any], tuple[Path, ...]] = lambda _target: ()
    """Files of which a last good version is kept while all its checks pass."""
    copy: Callable[[Path, Path], None] | None = None
    """How such a file is copied while in use, where a plain copy would not be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What one package brings."""

    name: str
    kinds: tuple[Kind, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    faults: Mapping[str, object] = field(default_factory=dict)
    """Drill to the ``@fault`` (or plain function of a patient) that breaks a drill's patient for real."""
    playbooks: Path | None = None
    """A directory of playbooks, where the pack brings its own."""
    drills: Path | None = None
    """A file in the shape of ``drills/catalogue.yaml``: what must come of each of the ``faults``."""


OWN_CODES = (
    Code(id="paramedic.cannot-look", type=IssueType.UNKNOWN, summary="a check could not look at its component"),
    Code(id="paramedic.check-crashed", type=IssueType.UNKNOWN, summary="a check failed by a fault of its own"),
    Code(id="paramedic.check-timed-out", type=IssueType.UNKNOWN, summary="a check did not end within its time"),
    Code(
        id="paramedic.pack-broken",
        type=IssueType.UNKNOWN,
        summary="a pack could not be loaded; the others work",
        ending=Ending.ADVISE,
    ),
    Code(id="paramedic.blind", type=IssueType.UNKNOWN, summary="most checks cannot look", instant=True),
    Code(id="component.flapping", type=IssueType.UNKNOWN, summary="a component fails and recovers again and again"),
    Code(
        id="recovery.exhausted", type=IssueType.OUTAGE, summary="every playbook that applies was tried without success"
    ),
)


@dataclass(frozen=True)
class Registry:
    """Every pack that could be loaded, and what is wrong with the others."""

    packs: tuple[Pack, ...]
    broken: Mapping[str, str] = field(default_factory=dict)
    """Entry point to the reason it could not be loaded."""

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """Kinds by name."""
        return {kind.name: kind for pack in self.packs for kind in pack.kinds}

    @cached_property
    def checks(self) -> tuple[CheckSpec, ...]:
        """All checks."""
        return tuple(each for pack in self.packs for each in pack.checks)

    @cached_property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Actions by id."""
        return {each.id: each for pack in self.packs for each in pack.actions}

    @cached_property
    def codes(self) -> Mapping[str, Code]:
        """Codes by id, Paramedic's own included."""
        return {code.id: code for code in (*OWN_CODES, *(code for check in self.checks for code in check.codes))}


@lru_cache(maxsize=1)
def load_packs() -> Registry:
    """Every pack installed under the entry point group ``paramedic.packs``. A broken one is reported, not fatal."""
    return assemble(entry_points(group="paramedic.packs"))


def assemble(points: Iterable[EntryPoint]) -> Registry:
    """Load packs from entry points; the first to declare a name keeps it."""
    packs: list[Pack] = []
    broken: dict[str, str] = {}
    for point in sorted(points, key=lambda each: (not each.value.startswith("paramedic."), each.name)):
        try:
            pack = point.load()
            _refuse_clashes(pack, packs)
        except Exception as error:  # a boundary: a stranger's code may fail in any way
            broken[point.name] = f"{type(error).__name__}: {error}"
        else:
            packs.append(pack)
    return Registry(tuple(packs), broken)


def _refuse_clashes(pack: object, others: list[Pack]) -> None:
    if not isinstance(pack, Pack):
        raise PackError(f"the entry point is a {type(pack).__name__}, not a `Pack`")
    for what in ("kinds", "checks", "actions"):
        names = [getattr(each, "id", getattr(each, "name", "")) for each in getattr(pack, what)]
        taken = {
            getattr(each, "id", getattr(each, "name", "")): other.name
            for other in others
            for each in getattr(other, what)
        }
        for name in names:
            if name in taken or names.count(name) > 1:
                raise PackError(f"`{name}` in {what} is declared by `{taken.get(name, pack.name)}` already")
