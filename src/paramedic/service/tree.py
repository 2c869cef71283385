"""From YAML text to a tree that remembers lines. Hostile text is refused, whatever it does."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from paramedic.service.problems import Problems, quoted
from paramedic.service.syntax import explain

_MOST_NODES = 50_000
"""Counted as if every alias were written out; a file of 200 components has about 5,000."""
_DEEPEST = 40
_MERGE = "<<"
_ENDLESS_TAG = re.compile(r"(?:^|[\s\[{,:])(!\S{1000})")
"""The scanner takes quadratic time for a tag: a minute for one of a megabyte."""
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", "+.inf", ".Inf", ".INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}

Plain: TypeAlias = "bool | int | float | str | None"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, with the text it was written as: ``007`` is the number 7 but may be meant as a password."""

    line: int | None
    value: Plain
    text: str
    secret: bool = False
    """Came from a place that keeps secrets."""
    is_void: bool = False
    """Nothing can be said about it: why is among the problems already."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int | None
    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping. Keys are the text as written."""

    line: int | None
    nodes: "Mapping[str, Node]"
    lines: Mapping[str, int | None]
    """Where each key stands."""


Node: TypeAlias = Scalar | Items | Table


def void(line: int | None) -> Scalar:
    """Stands for a value that could not be had, so that the rest can still be judged."""
    return Scalar(line, None, "", is_void=True)


def kind_of(node: Node) -> str:
    """What a person would call it."""
    match node:
        case Items():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar(secret=True):
            return "a hidden text"
        case Scalar(value=None) | Scalar(text=""):
            return "empty"
        case Scalar():
            return quoted(node.text)


def plain(node: Node) -> Any:  # Any: whatever YAML can say
    """The tree as plain data."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(each) for each in node.nodes]
        case Table():
            return {key: plain(each) for key, each in node.nodes.items()}


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    line: int
    is_table: bool
    anchor: str | None
    nodes: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int | None] = field(default_factory=dict)
    merged: list[Table] = field(default_factory=list)
    key: str | None = None
    size: int = 1


class _Refused(Exception):
    """The text goes beyond what a person would write; the problem is noted."""


def parse(text: str, problems: Problems) -> Node | None:
    """The tree of a YAML text, or ``None`` with the reasons among the problems."""
    from ruamel.yaml import YAML

    if endless := _ENDLESS_TAG.search(text):
        line = text.count("\n", 0, endless.start(1)) + 1
        problems.add(f"the tag {quoted(endless[1])} is not supported", line=line, expected="plain YAML without tags")
        return None
    builder = _Builder(problems)
    before = len(problems)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except _Refused:
        return None
    except Exception as error:  # a boundary: the parser meets hostile text with any kind of exception
        explain(error, text, problems)
        return None
    if builder.root is None and len(problems) == before:
        problems.add("the file is empty", line=1, expected="keys `service` and `components`")
    return builder.root


class _Builder:
    """Turns parser events into nodes without recursion, so that depth costs nothing."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._nodes = 0
        self._documents = 0
        self.root: Node | None = None

    def take(self, event: Any) -> None:  # Any: ruamel's events have no common type with these fields
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    self._problems.add("a second YAML document begins here", line=line, expected="one document")
                    raise _Refused
            case "MappingStartEvent" | "SequenceStartEvent":
                is_table = type(event).__name__ == "MappingStartEvent"
                self._check_tag(event.tag, "map" if is_table else "seq", line)
                if event.anchor:
                    self._anchors[event.anchor] = None
                self._open.append(_Open(line, is_table, event.anchor))
                if len(self._open) > _DEEPEST:
                    self._problems.add(f"nested more than {_DEEPEST} levels deep", line=line, expected="a flatter file")
                    raise _Refused
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()
            case "ScalarEvent":
                self._place(self._scalar(event, line), 1, event.anchor)
            case "AliasEvent":
                known = self._anchors.get(event.anchor)
                if known is None:
                    inside = event.anchor in self._anchors
                    reason = (
                        "refers to what it stands in" if inside else "refers to an anchor that is not defined above"
                    )
                    self._problems.add(f"`*{event.anchor}` {reason}", line=line)
                    self._place(void(line), 1, None)
                else:
                    self._place(*known, None)

    def _scalar(self, event: Any, line: int) -> Scalar:  # Any: see take
        text = event.value
        if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
            self._problems.add("a character that no text may hold", line=line, hint="remove the escape that makes it")
            return void(line)
        tag = event.tag
        if tag is None:
            return Scalar(line, _typed(text) if event.implicit[0] else text, text)
        if tag in (f"{_TAG}str", "!"):
            return Scalar(line, text, text)
        self._check_tag(tag, "int float bool null", line)
        return Scalar(line, _typed(text), text)

    def _check_tag(self, tag: str | None, allowed: str, line: int) -> None:
        if tag and tag.removeprefix(_TAG) not in allowed.split():
            self._problems.add(f"the tag {quoted(tag)} is not supported", line=line, expected="plain YAML without tags")

    def _close(self) -> None:
        done = self._open.pop()
        if done.is_table:
            nodes, lines = done.entries, done.lines
            for other in done.merged:
                nodes = {**other.nodes, **nodes}
                lines = {**other.lines, **lines}
            self._place(Table(done.line, nodes, lines), done.size, done.anchor)
        else:
            self._place(Items(done.line, tuple(done.nodes)), done.size, done.anchor)

    def _place(self, node: Node, size: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > _MOST_NODES:
            self._problems.add(
                f"more than {_MOST_NODES:,} values once aliases are written out",
                line=parent.line,
                expected="a file written by a person",
            )
            raise _Refused
        if not parent.is_table:
            parent.nodes.append(node)
        elif parent.key is None:
            self._take_key(parent, node)
        else:
            self._take_value(parent, parent.key, node)

    def _take_key(self, parent: _Open, node: Node) -> None:
        if isinstance(node, Scalar):
            key = node.text
        else:
            self._problems.add(
                f"{kind_of(node)} stands where a key belongs",
                line=node.line,
                expected="a word before the `:`",
                hint='a variable within `{…}` needs quotes: `"${NAME}"`',
            )
            key = f"\0{len(parent.entries)}"  # no written key can equal it
        if key in parent.entries and key != _MERGE:
            self._problems.add(
                f"the key {quoted(key)} stands here twice, first on line {parent.lines[key]}", line=node.line
            )
        parent.key = key
        parent.lines.setdefault(key, node.line)

    def _take_value(self, parent: _Open, key: str, node: Node) -> None:
        parent.key = None
        if key == _MERGE:
            del parent.lines[key]
            sources = node.nodes if isinstance(node, Items) else (node,)
            parent.merged.extend(each for each in sources if isinstance(each, Table))
            if not all(isinstance(each, Table) for each in sources):
                self._problems.add(
                    f"`<<` merges {kind_of(node)}", line=node.line, expected="a mapping, or a list of them"
                )
        elif key.startswith("\0"):
            del parent.lines[key]
        else:
            parent.entries.setdefault(key, node)


def _typed(text: str) -> Plain:
    """The value of a plain scalar by the core schema of YAML 1.2 (where ``no`` and ``on`` are words)."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        if _INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        return float(text) if _FLOAT.fullmatch(text) else text
    except ValueError:  # more digits than Python converts
        return text


def keys(node: Node | None) -> Iterable[str]:
    """The keys of a mapping; none for anything else."""
    return node.nodes if isinstance(node, Table) else ()
