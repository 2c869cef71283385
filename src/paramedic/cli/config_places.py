"""The two sorts of file that ``paramedic config`` changes: the service file, and a component's configuration file."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import click

from paramedic.cli.placing import difference, good_versions, keep, put, read, state_dir_of
from paramedic.model.component import Component
from paramedic.model.errors import ConfigurationError, ParamedicError, Problem, UsageError
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.sdk.editing import Unreadable, format_of, parsed, section, with_section, with_value
from paramedic.sdk.files import write_new
from paramedic.sdk.pack import Registry, load_packs
from paramedic.service import find, load
from paramedic.service.loading import FILE_NAMES

_CHANGE = ("now", "afterwards")


class Place(Protocol):
    """A file that may be changed, with everything that knows whether it is right."""

    path: Path
    text: str
    format: str

    def problems(self, text: str) -> tuple[Problem, ...]:
        """What would be wrong with the file if it held this."""
        ...

    def good(self) -> Iterator[str]:
        """Good versions, newest first."""
        ...

    def fresh(self, kept: tuple[str, ...]) -> str:
        """What it starts again from, with the sections that stay."""
        ...

    def difference(self, old: str, new: str, what: tuple[str, str] = _CHANGE) -> str:
        """A diff that holds no secret."""
        ...

    def put(self, text: str) -> str:
        """Put it in place; returns what is worth telling."""
        ...


class ServiceFile:
    """The service file."""

    format = "yaml"

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  # a link stays as named
        self.text = read(self.path)

    @classmethod
    def found(cls, context: click.Context) -> "ServiceFile":
        """The one that the command line names or that lies upward from here; or here, where a good version is kept."""
        named = (context.find_root().params or {}).get("file")
        if named:
            return cls(Path(named))
        try:
            return cls(find(Path.cwd(), os.environ))
        except ConfigurationError:
            lost = Path.cwd() / FILE_NAMES[0]
            if good_versions(lost, state_dir_of(lost)):
                return cls(lost)
            raise

    def problems(self, text: str) -> tuple[Problem, ...]:
        try:
            load(self.path, load_packs(), os.environ, text=text)
        except ConfigurationError as error:
            return error.problems
        return ()

    def good(self) -> Iterator[str]:
        for each in good_versions(self.path, state_dir_of(self.path)):
            yield read(each)

    def fresh(self, kept: tuple[str, ...]) -> str:
        from paramedic.cli.init import drafted

        new = drafted(self.path).text
        for name in kept:
            old = section(self.text, name)
            if old is None:
                raise UsageError(f"there is no section `{name}` in {self.path}")
            new = with_section(new, name, old)
        return new

    def difference(self, old: str, new: str, what: tuple[str, str] = _CHANGE) -> str:
        return difference(_titles(self.path, what), old, new, _secrets(self.path, self.text, new))

    def put(self, text: str) -> str:
        from paramedic.cli.rehearsal import is_rehearsal, would

        if is_rehearsal():
            would(f"{self.path} would be changed", *self.difference(self.text, text).splitlines())
        if not self.problems(self.text):
            keep(self.path, state_dir_of(self.path))
        backup = put(self.path, text)
        keep(self.path, state_dir_of(self.path))
        return f"the version before is {backup.name}" if backup else ""


class ComponentFile:
    """A component's configuration file: changed by a plan, because it is a part of the patient."""

    def __init__(self, service: Service, registry: Registry, name: str) -> None:
        component = service.components.get(name)
        if component is None:
            raise UsageError(f"there is no component `{name}`", hint=f"known: {', '.join(service.components)}")
        path = getattr(component.target, "path", None)
        if "config.put" not in registry.actions or component.kind != "config" or not isinstance(path, Path):
            raise UsageError(f"`{name}` is no configuration file but a component of the kind `{component.kind}`")
        self.path = path
        self.text = read(path)
        self.format = str(getattr(component.target, "written_as", format_of(path)))
        self._service = service
        self._registry = registry
        self._component = component

    def problems(self, text: str) -> tuple[Problem, ...]:
        """What the component's own checks say of a draft of the same name."""
        with tempfile.TemporaryDirectory(prefix="paramedic-draft-") as folder:
            draft = Path(folder) / self.path.name
            write_new(draft, text.encode(), mode=0o600)
            said = _judged(self._service, self._registry, _moved(self._component, draft))
        return tuple(
            Problem(
                message=each.observed.replace(str(draft), str(self.path)),
                path=self.path,
                line=each.line,
                expected=each.expected or None,
            )
            for each in said
            if each.status in (Status.CRITICAL, Status.UNKNOWN)
        )

    def good(self) -> Iterator[str]:
        for each in good_versions(self.path, self._service.settings.state_dir):
            yield read(each)

    def fresh(self, kept: tuple[str, ...]) -> str:
        defaults = getattr(self._component.target, "defaults", None)
        if not isinstance(defaults, Path):
            raise UsageError(
                f"`{self._component.name}` declares no `defaults` to start again from",
                hint=f"name the file under `components.{self._component.name}.defaults`",
            )
        new, data = read(defaults), self._data()
        declared = tuple(getattr(self._component.target, "sections_kept", ()))
        for name in dict.fromkeys((*declared, *kept)):
            if name in data:
                new = with_value(new, self.format, (name,), data[name])
            elif name in kept:
                raise UsageError(f"there is no section `{name}` in {self.path}")
        return new

    def difference(self, old: str, new: str, what: tuple[str, str] = _CHANGE) -> str:
        return difference(_titles(self.path, what), old, new, self._service.secrets)

    def put(self, text: str) -> str:
        """By an order, so that there is a plan, a receipt, a verification and a way back."""
        from paramedic.cli.surroundings import ask

        drafts = self._service.settings.state_dir / "drafts"
        drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        draft = drafts / f"{digest[:16]}-{os.getpid()}"
        write_new(draft, content, mode=0o600)
        seen = hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.exists() else None
        try:
            args = {"component": self._component.name, "draft": str(draft), "digest": digest, "seen": seen}
            result = ask(self._service, self._registry, "configure", args)
        finally:
            draft.unlink(missing_ok=True)
        plans = result["plans"]
        assert isinstance(plans, list)
        plan = plans[0]
        assert isinstance(plan, dict)
        if not result["verified"]:
            raise ParamedicError(
                f"`{self.path}` was not changed: {plan['why_ended'] or plan['state']}",
                hint=f"`paramedic receipts` shows what was done by {plan['id']}",
            )
        return f"verified by {plan['id']}"

    def _data(self) -> Mapping[str, Any]:  # Any: what a configuration file may hold
        for text in (self.text, *self.good()):
            try:
                data = parsed(text, self.format)
            except Unreadable:
                continue
            if isinstance(data, Mapping):
                return data
        return {}


def _titles(path: Path, what: tuple[str, str]) -> tuple[str, str]:
    return f"{path.name} ({what[0]})", f"{path.name} ({what[1]})"


def _moved(component: Component, path: Path) -> Component:
    target: Any = component.target  # Any: a kind's own class
    return replace(component, target=replace(target, path=path), process=None, depends_on=())


def _judged(service: Service, registry: Registry, component: Component) -> tuple[Any, ...]:
    """Findings of the component's checks, which see nothing else of the service."""
    from paramedic.checking import Runner, run_loop
    from paramedic.model.clock import SystemClock
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()
    others = {name: each for name, each in service.components.items() if name != component.name}
    trial = replace(service, components={**others, component.name: component})
    runner = Runner(trial, registry, clock, RecordedProcesses(trial, None, clock))
    return run_loop(runner.look(component.name))


def _secrets(path: Path, *texts: str) -> tuple[str, ...]:
    """What any of the texts takes from secret places, as far as each can be understood."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found.update(dict.fromkeys(load(path, load_packs(), os.environ, text=text).secrets))
        except ConfigurationError:
            continue
    return tuple(found)
