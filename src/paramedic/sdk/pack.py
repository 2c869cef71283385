"""A pack: kinds of component with their checks, actions and faults, and how packs are found."""

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_type_hints

from paramedic.model.change import Change
from paramedic.model.code import Code, Ending, IssueType
from paramedic.model.component import Owner
from paramedic.model.errors import PackError
from paramedic.model.happening import Happening
from paramedic.model.wire import Json
from paramedic.sdk.action import ActionSpec
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.context import Context
from paramedic.sdk.saving import Backup

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
    owner: Callable[[Any], Owner | None] = lambda _target: None
    """Who starts it, where its address says so already."""
    files: Callable[[Any], tuple[Path, ...]] = lambda _target: ()
    """Files whose changes wake its checks."""
    keeps: Callable[[Any], tuple[Path, ...]] = lambda _target: ()
    """Files of which a last good version is kept while all its checks pass."""
    copy: Callable[[Path, Path], None] | None = None
    """How such a file is copied while in use, where a plain copy would not be whole."""
    describe: Callable[[Path], Mapping[str, object]] | None = None
    """What of a file as it is now a service file may say that must hold of it: more keys of the target. It blocks."""
    backup: Backup | None = None
    """How its components are backed up and brought back; ``None`` where they hold nothing of their own."""
    runs: Callable[[Any], tuple[str, ...]] = lambda _target: ()
    """Components that run from what it holds: they depend on it, and playbooks name them ``{runs}``."""
    changed: Callable[[Any, datetime, Path], tuple[Change, ...]] = lambda _target, _since, _home: ()
    """What was changed of a component since then, as far as its files tell, given the folder of the service file; their
    ``component`` is filled in by whoever asks. Cheap: it is asked whenever something fails. It may block."""
    untold: Callable[[Any], str] = lambda _target: ""
    """Why ``changed`` cannot tell of this component, where that is so: said wherever changes are listed."""
    tells: Callable[[Context, datetime], Awaitable[tuple[Happening, ...]]] | None = None
    """What happened in a component since then, for the timeline of an incident; asked while one is open."""
    offers: Callable[[Any, Path, float], Awaitable[Mapping[str, Json]]] | None = None
    """What a component offers beyond a verdict, for commands that show it: given its target, the folder of the service
    file and the seconds that it may take; changes nothing. Raises ``ParamedicError`` where it cannot be asked."""


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
    Code(
        id="escalation.by-hand",
        type=IssueType.UNKNOWN,
        summary="a person called for help about what no check has found",
        instant=True,
    ),
    Code(
        id="recovery.halted",
        type=IssueType.UNKNOWN,
        summary="too many recoveries did not help; all automation has stopped until a person says `resume`",
        instant=True,
    ),
    Code(id="paramedic.blind", type=IssueType.UNKNOWN, summary="most checks cannot look", instant=True),
    Code(id="component.flapping", type=IssueType.UNKNOWN, summary="a component fails and recovers again and again"),
    Code(
        id="change.suspect",
        type=IssueType.CONFIG,
        depth=3,
        summary="a file was changed shortly before what needs it began to fail, and nothing else explains it",
    ),
    Code(
        id="system.multiple-failures",
        type=IssueType.OUTAGE,
        summary="several components that do not need each other failed at once",
        instant=True,
    ),
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
        return {code.id: code for code in (*OWN_CODES, *_codes(self.packs))}


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
            with contextlib.redirect_stdout(sys.stderr):  # whatever it prints, stdout is the report
                pack = point.load()
            _refuse_misfits(pack)
            _refuse_clashes(pack, packs)
        except (Exception, SystemExit) as error:  # a boundary: a stranger's code may fail in any way
            broken[point.name] = f"{type(error).__name__}: {error}"
        else:
            packs.append(pack)
    return Registry(tuple(packs), broken)


def _refuse_misfits(pack: object) -> None:
    """Refuse here what would take others with it later."""
    if not isinstance(pack, Pack):
        raise PackError(f"the entry point is a {type(pack).__name__}, not a `Pack`")
    for what, wanted in (("kinds", Kind), ("checks", CheckSpec), ("actions", ActionSpec)):
        for each in getattr(pack, what):
            if not isinstance(each, wanted):
                raise PackError(f"its `{what}` hold a {type(each).__name__}, not a `{wanted.__name__}`")
    for kind in pack.kinds:
        if not (isinstance(kind.target, type) and is_dataclass(kind.target)):
            raise PackError(f"the target of its kind `{kind.name}` is no dataclass")
        get_type_hints(kind.target)  # raises for names that mean nothing
    for spec in pack.checks:
        if not all(isinstance(each, Code) for each in spec.codes):
            raise PackError(f"the codes of its check `{spec.id}` are no `Code`s")
    for folder in (pack.playbooks, pack.drills):
        if not isinstance(folder, Path | None):
            raise PackError(f"`{folder}` is a {type(folder).__name__}, not a `Path`")


def _refuse_clashes(pack: Pack, others: list[Pack]) -> None:
    known = {code.id: code for code in (*OWN_CODES, *_codes(others))}
    for code in _codes([pack]):
        if known.setdefault(code.id, code) != code:
            raise PackError(f"the code `{code.id}` means something else already")
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


def _codes(packs: Iterable[Pack]) -> list[Code]:
    return [code for pack in packs for spec in pack.checks for code in spec.codes]
