"""From the tree to typed values: the annotations of a dataclass say which keys there are and what they take."""

import math
import types
from collections.abc import Collection, Sequence
from dataclasses import MISSING, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from paramedic.model.secret import Secret
from paramedic.report.secret_names import is_secret_key
from paramedic.service.annotations import (
    MAPPINGS,
    SEQUENCES,
    hints,
    is_constrained,
    keys_of,
    known_keys,
    options,
    wanted,
    words_of,
)
from paramedic.service.hidden import Hidden
from paramedic.service.leaf import check_leaf
from paramedic.service.problems import Problems, listed, quoted
from paramedic.service.quantity import measure, unit_of
from paramedic.service.reading import read_text
from paramedic.service.tree import Items, Node, Scalar, Table, kind_of, plain, void
from paramedic.service.variables import Variables

REFERENCES = ("file", "env")


class _Invalid(Enum):
    INVALID = "invalid"


INVALID: Final = _Invalid.INVALID
"""Stands for a value whose problem is noted."""


class Shaper:
    """Reads nodes as annotated values and notes every misfit."""

    def __init__(self, folder: Path, variables: Variables, hidden: Hidden, problems: Problems) -> None:
        self.folder = folder
        self.problems = problems
        self._variables = variables
        self._hidden = hidden

    def table(self, node: Node, label: str) -> Table | None:
        """The node if it is a mapping."""
        if isinstance(node, Table):
            return node
        self._misfit(node, label, "a mapping")
        return None

    def unknown_keys(self, table: Table, label: str, known: Collection[str]) -> None:
        """Note every key that nobody takes."""
        shown = sorted(each for each in known if keys_of(each)[0] == each)
        for key in table.nodes:
            if key not in known:
                where = f" in {quoted(label)}" if label else ""
                self.problems.add(
                    f"unknown key {quoted(key)}{where}",
                    line=table.lines[key],
                    expected=f"one of {listed(shown)}" if shown else None,
                    hint=self.problems.did_you_mean(key, shown),
                )

    def fields(self, table: Table, cls: type, label: str) -> tuple[dict[str, Any], bool]:  # Any: each field's own
        """Values of a dataclass's fields as far as they are right, and whether all are."""
        values: dict[str, Any] = {}
        given: dict[str, str] = {}
        valid = True
        for key, node in table.nodes.items():
            field = known_keys(cls).get(key)
            if field is None:
                continue
            if field.name in given:
                first = quoted(given[field.name])
                self.problems.add(f"{quoted(key)} says the same as {first}", line=table.lines[key], hint="keep one")
                valid = False
                continue
            given[field.name] = key
            value = self.read(node, hints(cls)[field.name], dotted(label, key), field.name)
            if value is INVALID:
                valid = False
            elif not (isinstance(node, Scalar) and node.value is None and value is None):
                values[field.name] = value  # a key without a value means the default
        for field in known_keys(cls).values():
            if field.name not in values and field.default is MISSING and field.default_factory is MISSING:
                valid = False
                if field.name not in given:
                    given[field.name] = field.name
                    self._missing(table, keys_of(field.name)[0], wanted(hints(cls)[field.name], field.name), label)
        return values, valid

    def build(self, table: Table, cls: type, label: str) -> Any:  # Any: an instance of cls, or INVALID
        """An instance of a dataclass."""
        values, valid = self.fields(table, cls, label)
        if not valid:
            return INVALID
        try:
            return cls(**values)
        except Exception as error:  # a boundary: the class belongs to a pack and may refuse in any way
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            self.problems.add(f"{quoted(label)}: {reason}", line=table.line)
            return INVALID

    def read(self, node: Node, annotation: Any, label: str, name: str = "") -> Any:  # Any: annotation decides
        """The node as the annotation wants it, or ``INVALID``.

        Args:
            node: what stands in the file.
            annotation: what is wanted.
            label: how messages call it.
            name: the name of the field, which may end in a unit or sound secret.
        """
        choices = options(annotation)
        node = self._dereferenced(node, choices)
        if isinstance(node, Scalar):
            if node.is_void:
                return INVALID
            if node.value is None and types.NoneType in choices:
                return None
        value = self._chosen(node, choices, annotation, label, name)
        if value is INVALID or not is_constrained(annotation):
            return value
        return self._checked(value, annotation, node, label, name)

    def _chosen(self, node: Node, choices: tuple[Any, ...], annotation: Any, label: str, name: str) -> Any:
        origins = [get_origin(each) or each for each in choices]
        if Any in choices or object in choices:
            return plain(node)
        match node:
            case Table():
                for choice, origin in zip(choices, origins, strict=True):
                    if origin in MAPPINGS:
                        return self._mapping(node, choice, label)
                classes = [each for each in choices if is_dataclass(each) and isinstance(each, type)]
                if classes:
                    cls = max(classes, key=lambda each: len(node.nodes.keys() & known_keys(each).keys()))
                    self.unknown_keys(node, label, known_keys(cls))
                    return self.build(node, cls, label)
            case Items():
                for choice, origin in zip(choices, origins, strict=True):
                    if origin in SEQUENCES:
                        return self._sequence(node.nodes, choice, label, name)
            case Scalar():
                value = self._scalar(node, choices, label, name)
                if value is not None:
                    return value
                for choice, origin in zip(choices, origins, strict=True):
                    if origin in SEQUENCES and node.value is not None:  # one value may stand for a list of one
                        return self._sequence((node,), choice, label, name)
        others = [each for each in choices if self._is_foreign(each)]
        if others:
            return self._checked(plain(node), annotation, node, label, name)
        self._misfit(node, label, wanted(annotation, name), name)
        return INVALID

    @staticmethod
    def _is_foreign(choice: Any) -> bool:
        """A type we have no words for; pydantic judges it."""
        origin = get_origin(choice) or choice
        own = (str, Secret, Path, int, float, bool, types.NoneType, *SEQUENCES, *MAPPINGS)
        return origin not in own and words_of(choice) is None and not is_dataclass(choice)

    def _scalar(self, node: Scalar, choices: tuple[Any, ...], label: str, name: str) -> Any:
        """The value, INVALID, or None where no choice is a single value."""
        secret = node.secret or is_secret_key(name)
        for choice in choices:
            if words := words_of(choice):
                return self._word(node, choice, words, label)
        numbers = [each for each in (int, float) if each in choices]
        number = float if float in numbers and isinstance(node.value, float) else next(iter(numbers), None)
        texts = [each for each in choices if each in (str, Secret, Path)]
        if bool in choices and (isinstance(node.value, bool) or not texts):
            return self._checked(node.value, bool, node, label, name)
        if number and (not texts or (isinstance(node.value, int | float) and not isinstance(node.value, bool))):
            return self._number(node, number, label, name)
        if not texts or node.value is None or isinstance(node.value, bool):
            return None
        if Secret in texts and (secret or str not in texts):
            self._hidden.add(node.text)
            return Secret(node.text)
        if Path in texts:
            return self._path(node, label)
        if secret and isinstance(node.value, str):
            self._hidden.add(node.text)
        self._hidden.inside(node.text)
        return node.text

    def _word(self, node: Scalar, choice: Any, words: tuple[str, ...], label: str) -> Any:
        lower = {each.lower(): each for each in words}
        if node.text.lower() not in lower:
            self.problems.add(
                f"{quoted(label)} is {kind_of(node)}",
                line=node.line,
                expected=listed(words),
                hint=self.problems.did_you_mean(node.text, words),
            )
            return INVALID
        word = lower[node.text.lower()]
        members: tuple[Any, ...] = get_args(choice) or tuple(choice)
        return next(each for each in members if str(getattr(each, "value", each)) == word)

    def _number(self, node: Scalar, number: type, label: str, name: str) -> Any:
        unit = unit_of(name)
        if isinstance(node.value, bool) or node.value is None:
            self._misfit(node, label, wanted(number, name), name)
            return INVALID
        value: Any = node.value
        if isinstance(value, str) and unit:
            value = measure(value, unit)
            if value is None:
                self._misfit(node, label, wanted(number, name), name)
                return INVALID
        if isinstance(value, float) and not math.isfinite(value):
            self._misfit(node, label, "a finite number", name)
            return INVALID
        return self._checked(value, number, node, label, name)

    def _path(self, node: Scalar, label: str) -> Any:
        if not node.text or "\0" in node.text:
            self._misfit(node, label, "a path")
            return INVALID
        try:
            return self.folder / Path(node.text).expanduser()
        except RuntimeError:  # nobody of that name
            self.problems.add(f"{quoted(label)} names a home directory that is not known", line=node.line)
            return INVALID

    def _sequence(self, nodes: Sequence[Node], choice: Any, label: str, name: str) -> Any:
        origin, inner = get_origin(choice) or choice, get_args(choice) or (Any,)
        variadic = origin is not tuple or (len(inner) == 2 and inner[1] is ...)
        if not variadic and len(inner) != len(nodes):
            line = next((each.line for each in nodes), None)
            self.problems.add(f"{quoted(label)} has {len(nodes)} values", line=line, expected=f"{len(inner)}")
            return INVALID
        kinds = [inner[0]] * len(nodes) if variadic else inner
        values = [
            self.read(node, kind, f"{label}[{index}]" if len(nodes) > 1 else label, name)
            for index, (node, kind) in enumerate(zip(nodes, kinds, strict=True))
        ]
        if any(each is INVALID for each in values):
            return INVALID
        return origin(values) if origin in (list, set, frozenset) else tuple(values)

    def _mapping(self, node: Table, choice: Any, label: str) -> Any:
        key_type, value_type = get_args(choice) or (str, Any)
        values: dict[Any, Any] = {}
        valid = True
        for key, each in node.nodes.items():
            word = self.read(Scalar(node.lines[key], key, key), key_type, dotted(label, key), "")
            value = self.read(each, value_type, dotted(label, key), key)
            if word is INVALID or value is INVALID:
                valid = False
            else:
                values[word] = value
        return values if valid else INVALID

    def _dereferenced(self, node: Node, choices: tuple[Any, ...]) -> Node:
        """``{file: path}`` and ``{env: NAME}``, wherever a single value is wanted."""
        if not (isinstance(node, Table) and len(node.nodes) == 1):
            return node
        ((how, place),) = node.nodes.items()
        takes_tables = any(
            (get_origin(each) or each) in MAPPINGS or is_dataclass(each) or each in (Any, object) for each in choices
        )
        if how not in REFERENCES or takes_tables or not isinstance(place, Scalar):
            return node
        if place.is_void:
            return place
        if how == "env":
            return self._variables.named(place.text, place.line) or void(place.line)
        path = self._path(place, how)
        what = f"the secret file {quoted(place.text)}"
        text = None if path is INVALID else read_text(path, self.problems, what=what, line=place.line)
        if text is None:
            return void(place.line)
        text = text.removesuffix("\n").removesuffix("\r")
        if not text or "\0" in text:
            self.problems.add(f"{what} {'holds no text' if text else 'is empty'}", line=place.line)
            return void(place.line)
        self._hidden.add(text)
        return Scalar(place.line, text, text, secret=True)

    def _checked(self, value: Any, annotation: Any, node: Node, label: str, name: str) -> Any:
        complaints, checked = check_leaf(value, annotation)
        if complaints:
            self._misfit(node, label, " or ".join(complaints), name)
        return INVALID if complaints else checked

    def _misfit(self, node: Node, label: str, expected: str, name: str = "") -> None:
        if isinstance(node, Scalar) and node.is_void:
            return
        if isinstance(node, Scalar):
            self._hidden.inside(node.text)
        hidden = isinstance(node, Scalar) and node.value is not None and is_secret_key(name)
        shown = "a hidden text" if hidden else kind_of(node)
        self.problems.add(
            f"{quoted(label)} is {shown}" if label else f"the file is {shown}", line=node.line, expected=expected
        )

    def _missing(self, table: Table, key: str, expected: str, label: str) -> None:
        where = f" in {quoted(label)}" if label else ""
        self.problems.add(f"{quoted(key)} is missing{where}", line=table.line, expected=expected)


def dotted(label: str, key: str) -> str:
    """The name of a key within what the label names."""
    return f"{label}.{key}" if label else key
