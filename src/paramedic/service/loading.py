"""Finds a service file and turns it into a service, or into the list of everything that is wrong with it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from paramedic.model.component import Autonomy, Component
from paramedic.model.errors import ConfigurationError, Problem
from paramedic.model.service import Ladder, Objective, Permit, Service, Settings, StatusPage
from paramedic.model.status import Severity
from paramedic.report.redaction import Redactor
from paramedic.sdk.pack import Registry
from paramedic.service.annotations import hints, known_keys
from paramedic.service.components import playbook_dirs, read_components
from paramedic.service.hidden import Hidden
from paramedic.service.keys import AutonomyKeys, FileKeys, Route
from paramedic.service.problems import Problems, listed, quoted
from paramedic.service.reading import read_text
from paramedic.service.settings import SHORTCUTS, SettingsReader, SourcedSetting, is_address
from paramedic.service.shape import INVALID, Shaper
from paramedic.service.tree import Items, Node, Scalar, Table, keys, parse
from paramedic.service.upkeep import read_maintenance
from paramedic.service.variables import Variables

FILE_NAMES = ("paramedic.yaml", "paramedic.yml")
FILE_VARIABLE = "PARAMEDIC_FILE"
_OWN_USE = "x-"
"""Top-level keys that begin so are left alone: a place for anchors."""
_EXAMPLE = "service: shop, then components: {api: {kind: http, url: http://127.0.0.1:8000/health}}"


def find(start: Path, environ: Mapping[str, str]) -> Path:
    """The service file that holds for a folder: ``PARAMEDIC_FILE``, else the nearest one upward.

    Raises:
        ConfigurationError: there is none.
    """
    here = Path(os.path.abspath(start))  # noqa: PTH100  # a link stays as the person named it
    named = environ.get(FILE_VARIABLE)
    if named:
        path = here / Path(named)
        if os.path.lexists(path):
            return path
        raise ConfigurationError((Problem(message=f"{FILE_VARIABLE} names {quoted(named)}, which does not exist"),))
    for folder in (here, *here.parents):
        for name in FILE_NAMES:
            if os.path.lexists(folder / name):
                return folder / name
    raise ConfigurationError(
        (
            Problem(
                message=f"no {listed(FILE_NAMES)} in {quoted(str(here))} or above",
                hint="write one with `paramedic init`, which looks at what runs here, or by hand "
                f"({_EXAMPLE}); or name another file with {FILE_VARIABLE}",
            ),
        )
    )


def load(path: Path, registry: Registry, environ: Mapping[str, str], *, text: str | None = None) -> Service:
    """The service that a file describes; with ``text``, the one that the file would describe if it held that.

    Raises:
        ConfigurationError: with every mistake in it, each with its line.
    """
    reading = _Reading(path, environ, text)
    service = reading.service(registry)
    if service is None or reading.problems:
        raise reading.error()
    return service


def settings_with_sources(
    path: Path | None, environ: Mapping[str, str], *, text: str | None = None
) -> tuple[SourcedSetting, ...]:
    """Every setting with its value and where that comes from; without a file, those that hold in the current folder.

    With ``text``, as if the file held that.

    Raises:
        ConfigurationError: a setting cannot be understood. Other mistakes in the file do not matter here.
    """
    reading = _Reading(path, environ, text)
    found = reading.settings()
    if reading.problems:
        raise reading.error()
    return found


def _default(name: str) -> Node | None:
    """A file of the defaults."""
    return parse(files("paramedic").joinpath("defaults", name).read_text(encoding="utf-8"), Problems(None))


class _Reading:
    """One load of one file."""

    def __init__(self, path: Path | None, environ: Mapping[str, str], text: str | None = None) -> None:
        self._text = text
        self._path = Path(os.path.abspath(path or FILE_NAMES[0]))  # noqa: PTH100  # a link stays as named
        self._is_given = path is not None
        self._hidden = Hidden()
        self._hidden.environment(environ)
        self.problems = Problems(self._path)
        self._variables = Variables(environ, self._hidden, self.problems, beside=self._path.parent / ".env")
        self._shaper = Shaper(self._path.parent, self._variables, self._hidden, self.problems)
        self._settings = SettingsReader(self._path.parent, environ, self._hidden, self.problems)

    def error(self) -> ConfigurationError:
        """All problems, without the secrets that a message may have caught, known or by their shape."""
        redactor = Redactor(self._hidden.values)
        return ConfigurationError(
            tuple(
                replace(
                    each,
                    message=redactor.text(each.message),
                    expected=each.expected and redactor.text(each.expected),
                    hint=each.hint and redactor.text(each.hint),
                )
                for each in self.problems.found
            )
        )

    def settings(self) -> tuple[SourcedSetting, ...]:
        """Only the settings."""
        if self._is_given:
            table = self._table()
            if table:
                wanted = ("settings", *SHORTCUTS)
                self._take_settings(
                    self._filled(
                        Table(
                            table.line, {key: each for key, each in table.nodes.items() if key in wanted}, table.lines
                        )
                    )
                )
        return self._settings.finish()

    def service(self, registry: Registry) -> Service | None:
        """The whole; ``None`` or an unusable part of it with the reasons among the problems."""
        table = self._table()
        if table is None:
            self._settings.finish()  # what is wrong in the environment is told in the same breath
            return None
        own = Table(
            table.line,
            {key: each for key, each in table.nodes.items() if not key.startswith(_OWN_USE)},
            {key: line for key, line in table.lines.items() if not key.startswith(_OWN_USE)},
        )
        table = self._filled(own)
        self._shaper.unknown_keys(table, "", known_keys(FileKeys))
        name = self._name(table)
        components = self._components(table, registry)
        objectives = self._objectives(table)
        autonomy = self._autonomy(table)
        escalation = self._escalation(table)
        on_call = {str(route): who for route, who in self._words(table, "on_call").items()}
        dashboards = self._dashboards(table)
        ladders = self._ladders(table)
        permits = self._permits(table)
        maintenance = read_maintenance(
            table.nodes.get("maintenance"), self._shaper, tuple(keys(table.nodes.get("components")))
        )
        status_page = self._status_page(table)
        dirs = playbook_dirs(table.nodes.get("playbooks"), self._shaper)
        self._take_settings(table)
        settings = {each.name: each.value for each in self._settings.finish()}
        if self.problems:
            return None
        values: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
        optional: dict[str, Any] = {key: None for key in settings if key not in values}
        return Service(
            name=name,
            path=self._path,
            components=components,
            settings=Settings(**values, **optional),
            autonomy=autonomy.default,
            max_risk=autonomy.max_risk,
            objectives=objectives,
            escalation=escalation,
            on_call=on_call,
            dashboards=dashboards,
            ladders=ladders,
            permits=permits,
            maintenance=maintenance,
            status_page=status_page,
            playbook_dirs=dirs,
            secrets=self._hidden.values,
        )

    def _table(self) -> Table | None:
        text = read_text(self._path, self.problems) if self._text is None else self._text
        node = None if text is None else parse(text, self.problems)
        return None if node is None else self._shaper.table(node, "")

    def _filled(self, table: Table) -> Table:
        filled = self._variables.fill(table)
        return filled if isinstance(filled, Table) else table

    def _name(self, table: Table) -> str:
        node = table.nodes.get("service")
        if node is None:
            self.problems.add("`service` is missing", line=table.line, expected="the name of the service")
            return ""
        name = self._shaper.read(node, str, "service")
        if name is INVALID:
            return ""
        if not name.strip() or not name.isprintable():
            self.problems.add(f"`service` is {quoted(name)}", line=node.line, expected="the name of the service")
        return str(name)

    def _components(self, table: Table, registry: Registry) -> dict[str, Component]:
        node = table.nodes.get("components")
        if node is None:
            self.problems.add("`components` is missing", line=table.line, expected="a mapping of names to components")
            return {}
        return read_components(node, registry, self._shaper)

    def _objectives(self, table: Table) -> dict[str, Objective]:
        node = table.nodes.get("objectives")
        if node is None:
            return {}
        found = self._shaper.read(node, hints(FileKeys)["objectives"], "objectives")
        names = tuple(keys(table.nodes.get("components")))
        for name in keys(node):
            if name not in names:
                self.problems.add(
                    f"`objectives` names {quoted(name)}, which is no component",
                    line=node.lines[name] if isinstance(node, Table) else None,
                    hint=self.problems.did_you_mean(name, names),
                )
        if found is INVALID:
            return {}
        for name, objective in found.items():
            line = node.lines[name] if isinstance(node, Table) else None
            label = f"objectives.{name}"
            if objective.availability is not None and not 0 < objective.availability <= 100:
                shown = f"{quoted(f'{label}.availability')} is {objective.availability:g}"
                self.problems.add(shown, line=line, expected="percent, more than 0 and at most 100")
            if objective.latency_p95_ms is not None and objective.latency_p95_ms <= 0:
                shown = f"{quoted(f'{label}.latency_p95_ms')} is {objective.latency_p95_ms:g}"
                self.problems.add(shown, line=line, expected="more than 0")
        return dict(found)

    def _autonomy(self, table: Table) -> AutonomyKeys:
        node = table.nodes.get("autonomy")
        value = AutonomyKeys() if node is None else self._shaper.read(node, hints(FileKeys)["autonomy"], "autonomy")
        if isinstance(value, Autonomy):
            return AutonomyKeys(default=value)
        return value if isinstance(value, AutonomyKeys) else AutonomyKeys()

    def _permits(self, table: Table) -> frozenset[Permit]:
        node = table.nodes.get("permits")
        found = () if node is None else self._shaper.read(node, hints(FileKeys)["permits"], "permits")
        return frozenset() if found is INVALID or found is None else frozenset(found)

    def _status_page(self, table: Table) -> StatusPage | None:
        node, names = table.nodes.get("status_page"), tuple(keys(table.nodes.get("components")))
        found = None if node is None else self._shaper.read(node, hints(FileKeys)["status_page"], "status_page")
        if node is None or not isinstance(found, StatusPage):
            return None
        if not found.components:
            self.problems.add("`status_page` names no components", line=node.line, expected="`Chat: [api, model]`")
        for feature, parts in found.components.items():
            for part in [each for each in parts if each not in names]:
                self.problems.add(
                    f"`status_page` names {quoted(part)} for {quoted(feature)}, which is no component",
                    line=node.line,
                    hint=self.problems.did_you_mean(part, names),
                )
        return found

    def _escalation(self, table: Table) -> dict[str, tuple[str, ...]]:
        node = table.nodes.get("escalation")
        routes = None if node is None else self._shaper.table(node, "escalation")
        if routes is None:
            return {}
        self._shaper.unknown_keys(routes, "escalation", [each.value for each in Route])
        found: dict[str, tuple[str, ...]] = {}
        for route, each in routes.nodes.items():
            addresses = self._shaper.read(each, tuple[str, ...], f"escalation.{route}")
            if addresses is not INVALID:
                found[route] = addresses
                self._judge_addresses(route, each, addresses)
        return found

    def _words(self, table: Table, key: str) -> Mapping[str, str]:
        node = table.nodes.get(key)
        found = None if node is None else self._shaper.read(node, hints(FileKeys)[key], key)
        return found if isinstance(found, Mapping) else {}

    def _dashboards(self, table: Table) -> dict[str, str]:
        found = dict(self._words(table, "dashboards"))
        for name, url in found.items():
            if not url.startswith(("http://", "https://")):
                shown = f"{quoted(f'dashboards.{name}')} is {quoted(url)}"
                self.problems.add(shown, line=table.lines.get("dashboards"), expected="an address such as `https://…`")
        return found

    def _ladders(self, table: Table) -> dict[Severity, Ladder]:
        """Those of the defaults, with what the file says instead."""
        found: dict[Severity, Ladder] = {}
        for node in (_default("escalation.yaml"), table.nodes.get("ladders")):
            value = None if node is None else self._shaper.read(node, hints(FileKeys)["ladders"], "ladders")
            if value is not None and value is not INVALID:
                found |= value
        return found

    def _judge_addresses(self, route: str, node: Node, addresses: tuple[str, ...]) -> None:
        lines = [each.line for each in node.nodes] if isinstance(node, Items) else [node.line]
        for line, address in zip(lines, addresses, strict=True):
            self._hidden.address(address)
            if not is_address(address):
                mail = "mailto://" + address.removeprefix("mailto:")
                hint = f"write {quoted(mail)}" if "@" in address else None
                self.problems.add(
                    f"{quoted(f'escalation.{route}')} holds {quoted(address)}, which is no address",
                    line=line,
                    expected="a URL such as `https://…`, `mailto://…` or `slack://…`",
                    hint=hint,
                )

    def _take_settings(self, table: Table) -> None:
        node = table.nodes.get("settings")
        given = None if node is None or (isinstance(node, Scalar) and node.value is None) else node
        inner = None if given is None else self._shaper.table(given, "settings")
        if inner is not None:
            self._settings.add_table(inner, self._path, self._shaper)
        for key, name in SHORTCUTS.items():
            again = next((each for each in keys(inner) if name in (each, f"{each}_s")), None)
            if key in table.nodes and again:
                both = f"{quoted(key)} says the same as {quoted(f'settings.{again}')}"
                self.problems.add(both, line=table.lines[key], hint="keep one")
        self._settings.add_shortcuts(table, self._path, self._shaper)
