"""``components:``, the heart of a service file."""

import re
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from paramedic.model.component import Component
from paramedic.sdk.pack import Kind, Registry
from paramedic.service.annotations import known_keys
from paramedic.service.keys import ComponentKeys
from paramedic.service.problems import Problems, listed, quoted
from paramedic.service.process import from_target, judge_match, port_here, read_owner, read_process
from paramedic.service.shape import INVALID, Shaper
from paramedic.service.tree import Items, Node, Scalar, Table, keys

_NAME = re.compile(r"\w[\w.-]{0,62}")
_MOST_CYCLES = 10


def read_components(node: Node, registry: Registry, shaper: Shaper) -> dict[str, Component]:
    """Every component that could be understood; the mistakes of the others are noted."""
    table = shaper.table(node, "components")
    if table is None:
        return {}
    if not table.nodes:
        shaper.problems.add("`components` names no component", line=table.line, expected="at least one")
    found: dict[str, Component] = {}
    for name, each in table.nodes.items():
        line = table.lines[name]
        if not _NAME.fullmatch(name):
            shaper.problems.add(
                f"{quoted(name)} cannot name a component",
                line=line,
                expected="up to 63 letters, digits, `_`, `-` and `.`",
            )
        component = _Reader(name, line, registry, shaper).read(each)
        if component:
            found[name] = component
    runs = {name: _runs(registry.kinds[each.kind], each, shaper.problems) for name, each in found.items()}
    _judge_dependencies(table, runs, shaper.problems)
    for name, others in runs.items():
        for other in (found[each] for each in others if each in found and name not in found[each].depends_on):
            found[other.name] = replace(other, depends_on=(*other.depends_on, name))
    for component in found.values():
        if component.group and component.group in table.nodes:
            shaper.problems.add(
                f"`components.{component.name}.group` is {quoted(component.group)}, which is a component",
                line=component.line,
                expected="a name of its own",
            )
    return found


class _Reader:
    """Reads one component."""

    def __init__(self, name: str, line: int | None, registry: Registry, shaper: Shaper) -> None:
        self._name = name
        self._line = line
        self._label = f"components.{name}"
        self._registry = registry
        self._shaper = shaper
        self._problems = shaper.problems

    def read(self, node: Node) -> Component | None:
        """The component; ``None`` with the reasons among the problems."""
        table = self._shaper.table(node, self._label)
        if table is None:
            return None
        before = len(self._problems)
        kind = self._kind(table)
        common = known_keys(ComponentKeys)
        if kind:
            self._shaper.unknown_keys(table, self._label, {**common, **known_keys(kind.target)})
        values = self._common(table)
        target = self._shaper.build(table, kind.target, self._label) if kind else INVALID
        process = self._process(table, kind, target)
        if kind is None or target is INVALID or values is None or len(self._problems) > before:
            return None
        if process and process.port is None:
            process = replace(process, port=port_here(self._address(kind, target)))
        values["owner"] = values.get("owner") or kind.owner(target)
        return Component(
            name=self._name, **{**values, "kind": kind.name, "target": target, "process": process, "line": self._line}
        )

    def _kind(self, table: Table) -> Kind | None:
        known, node = self._registry.kinds, table.nodes.get("kind")
        if node is None:
            expected = f"one of {listed(sorted(known))}"
            self._problems.add(f"`kind` is missing in {quoted(self._label)}", line=self._line, expected=expected)
            return None
        name = self._shaper.read(node, str, f"{self._label}.kind")
        if name is INVALID:
            return None
        if name in known:
            return known[name]
        if name in self._registry.broken:
            self._problems.add(
                f"the pack of the kind {quoted(name)} could not be loaded: {self._registry.broken[name]}",
                line=node.line,
                hint="install it again, or what it needs",
            )
        else:
            broken = self._registry.broken
            lost = (
                f"the packs {listed(sorted(broken))} could not be loaded; it may be one of theirs" if broken else None
            )
            self._problems.add(
                f"unknown kind {quoted(name)}",
                line=node.line,
                expected=f"one of {listed(sorted(known))}",
                hint=self._problems.did_you_mean(name, known) or lost,
            )
        return None

    def _common(self, table: Table) -> dict[str, Any] | None:  # Any: each field's own type
        """Values of the keys that every kind takes."""
        apart = ("kind", "process", "owner")
        rest = Table(
            table.line,
            {"kind": Scalar(None, self._name, self._name)}
            | {key: each for key, each in table.nodes.items() if key not in apart},
            table.lines,
        )
        values, valid = self._shaper.fields(rest, ComponentKeys, self._label)
        for key in ("interval", "timeout"):
            seconds = values.get(f"{key}_s")
            if seconds is not None and seconds <= 0:
                line = table.lines.get(key, table.lines.get(f"{key}_s"))
                self._problems.add(
                    f"{quoted(f'{self._label}.{key}')} is {seconds:g}", line=line, expected="more than no time"
                )
        if "owner" in table.nodes:
            values["owner"] = read_owner(table.nodes["owner"], f"{self._label}.owner", self._shaper)
        return values if valid else None

    def _process(self, table: Table, kind: Kind | None, target: Any) -> Any:  # Any: the kind's own target
        process = None
        if "process" in table.nodes:
            process = read_process(table.nodes["process"], f"{self._label}.process", self._shaper)
        if kind is None or kind.name != "process" or target is INVALID:
            return process
        spec = from_target(target, self._shaper.folder)
        if spec and spec.match is not None:
            judge_match(spec.match, f"{self._label}.match", table.lines.get("match"), self._problems)
        if "process" not in table.nodes and spec is None:
            self._problems.add(
                f"{quoted(self._label)} names no process",
                line=self._line,
                expected="`process: {command: …}`, `pidfile` or `match`",
            )
        if process and spec:
            return replace(process, pidfile=process.pidfile or spec.pidfile, match=process.match or spec.match)
        return process or spec

    def _address(self, kind: Kind, target: Any) -> tuple[str, int] | None:  # Any: the kind's own target
        try:
            return kind.address(target)
        except Exception as error:  # a boundary: the function belongs to a pack and may fail in any way
            self._problems.add(f"the address of {quoted(self._label)} cannot be read: {error}", line=self._line)
            return None


def _runs(kind: Kind, component: Component, problems: Problems) -> tuple[str, ...]:
    """Those that run from what it holds."""
    try:
        return kind.runs(component.target)
    except Exception as error:  # a boundary: the function belongs to a pack and may fail in any way
        problems.add(f"what runs from {quoted(component.name)} cannot be read: {error}", line=component.line)
        return ()


def _judge_dependencies(components: Table, runs: Mapping[str, tuple[str, ...]], problems: Problems) -> None:
    """Unknown names, dependence on itself, and circles, from the text alone: broken components count too.

    ``runs``: component to those that run from what it holds.
    """
    edges: dict[str, list[str]] = {name: [] for name in components.nodes}
    for name, node in components.nodes.items():
        for each in _named(node.nodes["depends_on"]) if "depends_on" in keys(node) and isinstance(node, Table) else ():
            if each.text == name:
                problems.add(f"{quoted(name)} depends on itself", line=each.line)
            elif each.text not in components.nodes:
                problems.add(
                    f"{quoted(name)} depends on {quoted(each.text)}, which is no component",
                    line=each.line,
                    hint=problems.did_you_mean(each.text, [other for other in components.nodes if other != name]),
                )
            else:
                edges[name].append(each.text)
    for name, others in runs.items():
        for other in others:
            if other in edges:
                edges[other].append(name)
            else:
                problems.add(
                    f"{quoted(other)}, which runs from {quoted(name)}, is no component",
                    line=components.lines[name],
                    hint=problems.did_you_mean(other, [each for each in components.nodes if each != name]),
                )
    _name_circles(edges, components.lines, problems)


def _named(node: Node) -> list[Scalar]:
    nodes = node.nodes if isinstance(node, Items) else (node,)
    return [each for each in nodes if isinstance(each, Scalar) and each.value is not None]


def _name_circles(edges: Mapping[str, list[str]], lines: Mapping[str, int | None], problems: Problems) -> None:
    left = {name: list(dict.fromkeys(each)) for name, each in edges.items()}
    for _ in range(_MOST_CYCLES):
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle = list(reversed(error.args[1]))  # graphlib names the needed before the needing
            first = min(range(len(circle) - 1), key=lambda at: lines[circle[at]] or 0)
            circle = [*circle[first:-1], *circle[:first], circle[first]]
            problems.add(
                f"components depend on each other in a circle: {' -> '.join(quoted(each) for each in circle)}",
                line=lines[circle[0]],
                hint="remove the dependence that is not needed to start",
            )
            left[circle[-2]].remove(circle[-1])
        else:
            return


def playbook_dirs(node: Node | None, shaper: Shaper) -> tuple[Path, ...]:
    """Folders with a person's own playbooks."""
    if node is None:
        beside = shaper.folder / "playbooks"
        return (beside,) if beside.is_dir() else ()
    dirs = shaper.read(node, tuple[Path, ...], "playbooks")
    if dirs is INVALID:
        return ()
    for each in dirs:
        if not each.is_dir():
            shaper.problems.add(f"the playbook folder {quoted(str(each))} does not exist", line=node.line)
    return tuple(dirs)
