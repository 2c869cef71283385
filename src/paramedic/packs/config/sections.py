"""Cutting a top-level section out of a text, broken or whole, and putting it into another. Comments survive."""

import json
import re

from paramedic.packs.config.reading import Unparseable, parse
from paramedic.packs.config.target import Format


def cut_out(text: str, section: str, format: Format) -> str | None:
    """The text of a section that makes sense by itself, even where the rest does not; ``None`` without one."""
    for start, end in _places(text, section, format):
        fragment = text[start:end].rstrip() + "\n"
        try:
            parse((f"{{{fragment}}}" if format is Format.JSON else fragment).encode(), format)
        except (Unparseable, UnicodeEncodeError):
            continue
        return fragment.strip() if format is Format.JSON else fragment
    return None


def put_in(text: str, section: str, fragment: str, format: Format) -> str:
    """The text with a section replaced, or added at its end. ``text`` makes sense in its format."""
    if format is Format.JSON:
        data = json.loads(text) if text.strip() else {}
        data.update(json.loads(f"{{{fragment}}}"))
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    for start, end in reversed(_places(text, section, format)):
        text = text[:start] + text[end:]
    if format is Format.TOML and not fragment.lstrip().startswith("["):
        return fragment + text  # a bare setting after a table would belong to the table
    return text + ("\n" if text and not text.endswith("\n") else "") + fragment


def _places(text: str, section: str, format: Format) -> list[tuple[int, int]]:
    """Where a section may begin and end, best guess first."""
    name = re.escape(section)
    match format:
        case Format.JSON:
            return _json_places(text, name)
        case Format.TOML:
            tables = _blocks(text, rf"^[ \t]*\[\[?[ \t]*[\"']?{name}[\"']?[ \t]*[\].]", r"^[ \t]*\[")
            return _joined(tables) or _blocks(text, rf"^[ \t]*[\"']?{name}[\"']?[ \t]*=", r"^[\[\w\"']")
        case Format.ENV:
            return _blocks(text, rf"^(?:export[ \t]+)?{name}[ \t]*=", r"^")
    return _blocks(text, rf"^[\"']?{name}[\"']?[ \t]*:", r"^[^\s#\-]")


def _blocks(text: str, begins: str, ends: str) -> list[tuple[int, int]]:
    found = []
    for start in re.finditer(begins, text, re.MULTILINE):
        after = text.find("\n", start.end()) + 1 or len(text)
        stop = re.compile(ends, re.MULTILINE).search(text, after)
        found.append((start.start(), stop.start() if stop else len(text)))
    return found


def _joined(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring tables of one section as one block."""
    found: list[tuple[int, int]] = []
    for start, end in blocks:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _json_places(text: str, name: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int, int]] = []
    for key in re.finditer(rf'"{name}"\s*:\s*', text):
        try:
            _, end = json.JSONDecoder().raw_decode(text, key.end())
        except (ValueError, RecursionError):
            continue
        found.append((_depth(text, key.start()), key.start(), end))
    return [(start, end) for _, start, end in sorted(found)]


def _depth(text: str, until: int) -> int:
    """How many brackets are open there; strings do not count."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text[:until])
    return sum(bare.count(each) for each in "{[") - sum(bare.count(each) for each in "}]")
