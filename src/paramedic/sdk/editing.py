"""Changing one value in a text, and nothing else: comments, order and blank lines stay as they are."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from paramedic.model.errors import ParamedicError, UsageError

_PLAIN = re.compile(r"[\w/][\w/.@+-]*(?::[\w/.@+-]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_TOP_LEVEL = re.compile(r"^(?![#\s])(\"[^\"]*\"|'[^']*'|[^:\s]+)\s*:", re.MULTILINE)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Unreadable(ParamedicError):
    """The text makes no sense in its format, so that nothing in it can be changed."""

    exit_code = 78


def format_of(path: PurePath) -> str:
    """``yaml``, ``json``, ``toml`` or ``env``, by the name."""
    name = path.name.lower()
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        return "env"
    return {".json": "json", ".toml": "toml"}.get(path.suffix.lower(), "yaml")


def parsed(text: str, format: str) -> Any:  # Any: whatever the text says
    """The data of a text.

    Raises:
        Unreadable: it makes no sense.
    """
    try:
        match format:
            case "json":
                return json.loads(text)
            case "toml":
                return tomllib.loads(text)
            case "env":
                return {found[1]: _unquoted(found[2]) for line in text.splitlines() if (found := _SETTING.match(line))}
        from ruamel.yaml import YAML

        return YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # a boundary: parsers meet hostile text with any kind of exception
        why = str(error).strip().splitlines()[:1]
        raise Unreadable(f"it is no {format}: {(why or [type(error).__name__])[0]}") from None


def value_of(word: str) -> Any:  # Any: whatever the word says
    """What a person means by a word on the command line: ``5``, ``true``, ``[a, b]``, or a text."""
    if "${" in word and not word.startswith(("[", "{")):
        return word
    try:
        return parsed(word, "yaml")
    except Unreadable:
        return word


def keys_in(data: object, dotted: str) -> tuple[str, ...]:
    """The levels of a dotted key; a name that is there with its dots is one level."""
    rest, found = dotted.split("."), []
    while rest:
        length = 1
        if isinstance(data, Mapping):
            length = next((size for size in range(len(rest), 0, -1) if ".".join(rest[:size]) in data), 1)
        key = ".".join(rest[:length])
        found.append(key)
        data = data.get(key) if isinstance(data, Mapping) else None
        rest = rest[length:]
    return tuple(found)


def with_value(text: str, format: str, keys: Sequence[str], value: Any) -> str:  # Any: what is to stand there
    """The text with one value set.

    Raises:
        Unreadable: the text makes no sense.
        UsageError: the key leads through something that is no mapping.
        ParamedicError: the change would change more than this value.
    """
    before = parsed(text, format)
    if format == "env":  # which knows only names and texts
        keys, value = (".".join(keys),), value if isinstance(value, str) else json.dumps(value)
    wanted = _changed(before, keys, value)
    ways: dict[str, Callable[[str, Sequence[str], Any], str]] = {"yaml": _in_yaml, "toml": _in_toml, "env": _in_env}
    new = ways[format](text, keys, value) if format in ways else _as_json(text, wanted)
    try:
        is_right = parsed(new, format) == wanted
    except Unreadable:
        is_right = False
    if not is_right:
        raise ParamedicError(
            f"`{'.'.join(keys)}` cannot be changed without changing other lines", hint="edit the file by hand"
        )
    return new


def section(text: str, name: str) -> str | None:
    """A top-level section of a YAML text with the comments inside it, whatever is wrong with the rest."""
    heads = list(_TOP_LEVEL.finditer(text))
    for at, head in enumerate(heads):
        if head[1].strip("\"'") == name:
            end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
            lines = text[head.start() : end].splitlines()
            while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
                lines.pop()
            return "\n".join(lines) + "\n"
    return None


def with_section(text: str, name: str, content: str) -> str:
    """The text with a top-level section in place of the one of this name, or behind all others."""
    old = section(text, name)
    return text.replace(old, content, 1) if old else f"{text.rstrip()}\n\n{content}"


def _changed(data: Any, keys: Sequence[str], value: Any) -> Any:  # Any: as above
    if not keys:
        return value
    if data is not None and not isinstance(data, Mapping):
        raise UsageError(f"`{keys[0]}` cannot stand in {json.dumps(data, default=str)[:40]}, which is no mapping")
    return {**(data or {}), keys[0]: _changed((data or {}).get(keys[0]), keys[1:], value)}


def _in_yaml(text: str, keys: Sequence[str], value: Any) -> str:
    from ruamel.yaml import YAML

    node = YAML(typ="rt", pure=True).compose(text)
    if node is None:
        return f"{text.rstrip()}\n{_entry(keys, value)}\n".lstrip("\n")
    key = None
    for at, name in enumerate(keys):
        found = next(((k, v) for k, v in node.value if k.value == name), None) if _is_mapping(node) else None
        if found is None:
            rest = keys[at:]
            if _is_mapping(node):
                return _inserted(text, node, rest, value)
            value, keys = _nested(rest, value), ()
            break
        key, node = found
    return _replaced(text, key, node, value)


def _replaced(text: str, key: Any, node: Any, value: Any) -> str:
    """From behind the colon to the end of what stands there; comments behind it stay."""
    start, end = key.end_mark.index, _end(node)
    start = text.index(":", start) + 1
    tail = "\n" if text[start:end].endswith("\n") else ""
    return f"{text[:start]} {_flow(value)}{tail}{text[end:]}"


def _inserted(text: str, node: Any, keys: Sequence[str], value: Any) -> str:
    entry = _entry(keys, value)
    if node.flow_style:
        close = node.end_mark.index - 1
        before = text[:close].rstrip()
        return f"{before}{', ' if node.value else ''}{entry}{text[len(before) : close].strip(' ')}{text[close:]}"
    end = _end(node)
    if not text[:end].endswith("\n"):
        line_end = text.find("\n", end)
        end = len(text) if line_end < 0 else line_end + 1
    before = text[:end] if text[:end].endswith("\n") else f"{text[:end]}\n"
    return f"{before}{' ' * node.value[0][0].start_mark.column}{entry}\n{text[end:]}"


def _end(node: Any) -> int:
    """Where the last word of it ends; a block's own end is where the next thing begins."""
    if node.value and not isinstance(node.value, str) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _is_mapping(node: Any) -> bool:
    return type(node).__name__ == "MappingNode"


def _entry(keys: Sequence[str], value: Any) -> str:
    return f"{_flow(keys[0])}: {_flow(_nested(keys[1:], value))}"


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _flow(value: Any) -> str:
    """On one line, in quotes where YAML could take a text for something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(str(key))}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS and _is_itself(value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_itself(text: str) -> bool:
    """Whether YAML reads a word as that text, and not as a number or a date."""
    return bool(parsed(text, "yaml") == text)


def _as_json(text: str, data: Any) -> str:
    """JSON has no comments; only the indentation is kept."""
    indent = re.search(r"\n([ \t]+)\S", text)
    return json.dumps(data, indent=indent[1] if indent else None, ensure_ascii=False) + ("\n" * text.endswith("\n"))


def _in_toml(text: str, keys: Sequence[str], value: Any) -> str:
    *tables, name = keys
    lines = text.splitlines(keepends=True)
    start, end = _table(lines, tables)
    entry = f"{_toml_key(name)} = {_toml(value)}"
    for at in range(start, end):
        found = re.match(rf"\s*(?:{re.escape(name)}|{re.escape(json.dumps(name))})\s*=\s*", lines[at])
        if found:
            comment = re.search(r"\s+#[^\"']*$", lines[at].rstrip("\n"))
            lines[at] = f"{found[0]}{_toml(value)}{comment[0] if comment else ''}\n"
            return "".join(lines)
    if start < 0:
        head = ".".join(_toml_key(each) for each in tables)
        return f"{text.rstrip()}\n\n[{head}]\n{entry}\n".lstrip("\n")
    while end > start and not lines[end - 1].strip():
        end -= 1
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    return "".join((*lines[:end], f"{entry}\n", *lines[end:]))


def _table(lines: Sequence[str], tables: Sequence[str]) -> tuple[int, int]:
    """The lines of a table; from -1 where there is none."""
    heads = list(_heads(lines))
    start = 0 if not tables else next((at + 1 for at, path in heads if path == tuple(tables)), -1)
    end = next((at for at, _ in heads if at >= max(start, 0)), len(lines))
    return start, end if start >= 0 else start


def _heads(lines: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for at, line in enumerate(lines):
        if found := re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line):
            yield at, tuple(each.strip().strip("\"'") for each in found[1].split("."))
        elif line.lstrip().startswith("[["):
            yield at, ()


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml_key(str(key))} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


_SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(.*?)\s*$")


def _in_env(text: str, keys: Sequence[str], value: Any) -> str:
    name = keys[0]
    shown = json.dumps(value, ensure_ascii=False) if re.search(r"[\s#'\"$]", value) else value
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        found = _SETTING.match(line)
        if found and found[1] == name:
            lines[at] = f"{line[: found.start(2)]}{shown}\n"
            return "".join(lines)
    start = f"{text.rstrip(chr(10))}\n" if text.strip() else ""
    return f"{start}{name}={shown}\n"


def _unquoted(value: str) -> str:
    if value[:1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value[1:].partition('"')[0]
    return value[1:].partition("'")[0] if value[:1] == "'" else re.split(r"\s#", value, maxsplit=1)[0].strip()
