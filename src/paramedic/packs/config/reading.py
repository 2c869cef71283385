"""Text of a configuration file -> its data, with the line on which each key stands.

Files are hostile until shown otherwise: large, binary, nested without end, full of aliases.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from paramedic.packs.config.target import Format

LIMIT_BYTES = {Format.YAML: 512 << 10, Format.JSON: 8 << 20, Format.TOML: 2 << 20, Format.ENV: 2 << 20}
"""What is read of a file. YAML is parsed at some 80 KB a second, so more would not end within a look."""
_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_DEEPEST = 100
"""Brackets open at once on one line; no configuration has so many."""
_ENDLESS_TAG = re.compile(r"(?:^|[\s\[{,:])!\S{1000}")
_QUOTED = re.compile(r"(?<=')[^'<]{4,}(?=')|(?<=\")[^\"<]{4,}(?=\")")
"""What a parser repeats of the file, such as the name of an alias: it may hold anything."""
_SETTING = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)", re.DOTALL)


class Unparseable(Exception):
    """The text makes no sense in its format."""

    def __init__(self, why: str, line: int | None = None, column: int | None = None, expected: str = "") -> None:
        super().__init__(why)
        self.line = line
        self.column = column
        self.expected = expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says."""

    data: object
    text: str
    format: Format

    def find(self, dotted: str) -> tuple[bool, object]:
        """Whether a key is there, and its value."""
        here: object = self.data
        for part in self.parts(dotted):
            if not isinstance(here, Mapping) or part not in here:
                return False, None
            here = here[part]
        return True, here

    def parts(self, dotted: str) -> tuple[str, ...]:
        """The levels of a key. A key that is literally there with its dots is one level."""
        if self.format is Format.ENV or (isinstance(self.data, Mapping) and dotted in self.data):
            return (dotted,)
        return tuple(dotted.split("."))

    def line(self, dotted: str) -> int | None:
        """Where a key stands, or the nearest level above it that is there; counted from 1."""
        found, here, position = None, self.data, 0
        for part in self.parts(dotted):
            if not isinstance(here, Mapping) or part not in here:
                return found
            place = getattr(here, "lc", None)
            if place is not None and part in (place.data or {}):
                found = int(place.data[part][0]) + 1
            else:
                where = re.compile(rf"(?<![\w-]){re.escape(part)}[\"']?\s*[:=\].]").search(self.text, position)
                if where:
                    position = where.start()
                    found = self.text.count("\n", 0, position) + 1
            here = here[part]
        return found


def parse(content: bytes, format: Format) -> Document:
    """The data of a file.

    Raises:
        Unparseable: it makes no sense; says where.
    """
    text = _decode(content)
    if not content.strip() and format is not Format.ENV:
        raise Unparseable("is empty", expected="at least one setting")
    try:
        match format:
            case Format.JSON:
                data = _json(text)
            case Format.TOML:
                data = _toml(text)
            case Format.ENV:
                data = _env(text)
            case _:
                data = _yaml(text)
    except RecursionError:
        raise Unparseable("is nested too deeply to be a configuration") from None
    return Document(data=data, text=text, format=format)


def _decode(content: bytes) -> str:
    for mark, name in _BOMS:
        if content.startswith(mark):
            raise Unparseable(f"is encoded as {name}", 1, expected="UTF-8")
    if (position := content.find(b"\0")) >= 0:
        raise Unparseable("holds bytes of zero: binary data or a damaged file", _line(content, position))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in content[:4096])
        likely = "probably Latin-1 or Windows-1252" if printable > 0.7 * len(content[:4096]) else "probably binary data"
        line = _line(content, error.start)
        raise Unparseable(f"is not UTF-8, {likely}", line, expected="UTF-8") from None


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unparseable(error.msg[:1].lower() + error.msg[1:], error.lineno, error.colno) from None
    except ValueError:
        raise Unparseable("holds a number of thousands of digits") from None


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        why = _PLACE.sub("", str(error))
        line = text.count("\n") + 1 if place is None or place[1] is None else int(place[1])
        raise Unparseable(why[:1].lower() + why[1:], line, int(place[2]) if place and place[2] else None) from None
    except ValueError:
        raise Unparseable("holds a value that cannot exist, such as a date or an endless number") from None


def _yaml(text: str) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if line := _slow_line(text):
        raise Unparseable("is nested too deeply, or has too long a tag, to be a configuration", line)
    # the round-trip loader knows lines, lets unknown tags stand and runs no code; services' own loaders accept
    # repeated keys, so we do
    yaml = YAML(typ="rt", pure=True)
    yaml.allow_duplicate_keys = True
    yaml.composer.warn_double_anchors = False  # allowed, and the warning would print lines of the file
    try:
        documents = [each for each in yaml.load_all(text) if each is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = _QUOTED.sub("…", " ".join((error.problem or error.context or "is no YAML").split()))
        raise Unparseable(why, mark.line + 1 if mark else None, mark.column + 1 if mark else None) from None
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        raise Unparseable("holds a character that YAML does not allow", line) from None
    except RecursionError:
        raise
    except Exception as error:  # a boundary: constructors of odd scalars raise whatever they like
        raise Unparseable(f"holds a value that cannot exist ({type(error).__name__})") from None
    return documents[0] if documents else {}


def _slow_line(text: str) -> int | None:
    """The first line for which the scanner would need seconds: its time grows with the square of these."""
    for number, line in enumerate(text.splitlines(), start=1):
        if _ENDLESS_TAG.search(line) or (line.count("[") + line.count("{") > _DEEPEST and _depth(line) > _DEEPEST):
            return number
    return None


def _depth(line: str) -> int:
    deepest = depth = 0
    for character in line:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _env(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        start, line = at + 1, lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise Unparseable("holds a line that is no setting", start, expected="`NAME=value`")
        name, value = setting[1], setting[2].strip()
        if value[:1] in ('"', "'"):
            quote = value[0]
            while (end := _closing(value, quote)) < 0:
                if at >= len(lines):
                    raise Unparseable(f"`{name}` has a quote that never ends", start)
                value += "\n" + lines[at]
                at += 1
            value = value[1:end]
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].strip()
        found[name] = value
    return found


def _closing(value: str, quote: str) -> int:
    """Where the quote at the start of the text ends; -1 when it does not."""
    at = 1
    while at < len(value):
        if value[at] == "\\" and quote == '"':
            at += 2
            continue
        if value[at] == quote:
            return at
        at += 1
    return -1
