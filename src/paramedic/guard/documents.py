"""Configuration files as plain values that still know their lines.

JSON needs nothing, nor does YAML that only says what is true and false (the file for an emergency). Other YAML needs a
parser, which is imported when the first YAML file is read.
"""

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from paramedic.guard.errors import MissingExtra, Problem, UnreadableDocument
from paramedic.guard.switches import MoreThanSwitches, Where, read_switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's content."""

    value: Any
    """Mappings, lists, texts, numbers, dates."""
    lines: dict[Where, int]
    """Where each key stands, counted from 1."""

    def line(self, where: Where) -> int | None:
        """The line of a setting, or of the nearest one around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where)


def read_document(path: Path) -> Document:
    """Read a YAML or JSON file. Raises ``OSError``, `UnreadableDocument`, or, without a YAML parser, `MissingExtra`."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _unreadable(path, line, f"byte {error.start} is no UTF-8", "UTF-8 text") from error
    if path.suffix == ".json" or text.lstrip()[:1] == "{":
        try:
            return Document(value=json.loads(text), lines=_json_lines(text))
        except ValueError as error:
            if path.suffix == ".json" or not isinstance(error, json.JSONDecodeError):
                line = getattr(error, "lineno", 1)
                raise _unreadable(path, line, f"cannot be parsed: {getattr(error, 'msg', error)}", "JSON") from error
        except RecursionError as error:
            raise _unreadable(path, 1, "is nested too deeply", "fewer levels") from error
    return _yaml(path, text)


def _yaml(path: Path, text: str) -> Document:
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
    except ImportError as error:
        try:
            value, lines = read_switches(text)
        except MoreThanSwitches as more:
            raise MissingExtra(
                f"line {more} of `{path}` needs a parser for YAML: pip install 'paramedic[guard]', or write JSON"
            ) from error
        return Document(value=value or None, lines=lines)
    try:
        parser = partial(YAML, typ="safe", pure=True)
        value = parser().load(text)
        lines = {}
        _note_lines(parser().compose(text), (), lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _unreadable(path, mark.line + 1 if mark else 1, f"cannot be parsed: {error.problem}", "YAML") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(path, 1, f"cannot be parsed: {type(error).__name__}", "YAML") from error
    return Document(value=value, lines=lines)


def _note_lines(node: Any, where: Where, lines: dict[Where, int]) -> None:  # Any: the parser's nodes
    if node is None or len(where) > 20:  # an alias may point to itself
        return
    lines.setdefault(where, node.start_mark.line + 1)
    if node.id == "mapping":
        for key, below in node.value:
            lines[(*where, str(key.value))] = key.start_mark.line + 1
            _note_lines(below, (*where, str(key.value)), lines)
    elif node.id == "sequence":
        for number, below in enumerate(node.value):
            _note_lines(below, (*where, number), lines)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


def _json_lines(text: str) -> dict[Where, int]:
    """The line of every key of a JSON text that parses."""
    lines: dict[Where, int] = {(): 1}
    stack: list[str | int | None] = []  # the current key or number at each level; None before the first key
    key: str | None = None
    line, end = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", end, token.start())
        end = token.start()
        mark = token.group()
        if mark in ("{", "["):
            stack.append(0 if mark == "[" else None)
        elif mark in ("}", "]"):
            stack.pop()
        elif mark == "," and stack and isinstance(stack[-1], int):
            stack[-1] += 1
            lines[tuple(each for each in stack if each is not None)] = line
        elif mark == ":":
            stack[-1] = key
            lines[tuple(each for each in stack if each is not None)] = line
        key = json.loads(mark) if mark.startswith('"') else None
    return lines


def _unreadable(path: Path, line: int, observed: str, expected: str) -> UnreadableDocument:
    return UnreadableDocument(str(path), Problem(line=line, where=path.name, observed=observed, expected=expected))
