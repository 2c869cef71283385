"""YAML that needs no parser: names that are true or false, by themselves or under headings.

overlays:
  rollback_first: true      # a remark
  observability_first: false
"""

import re

Where = tuple[str | int, ...]
_LINE = re.compile(r"( *)([A-Za-z_][\w.-]*):(?: +(true|false|\{\}))? *(?: #.*)?", re.ASCII)
_NOTHING = re.compile(r" *(?:#.*)?")
_NO_NAMES = ("true", "false", "null")


class MoreThanSwitches(Exception):
    """The number of the first line that needs a parser."""


def read_switches(text: str) -> tuple[dict[str, bool | dict[str, bool] | None], dict[Where, int]]:
    """What a file says and where; raises `MoreThanSwitches`."""
    value: dict[str, bool | dict[str, bool] | None] = {}
    lines: dict[Where, int] = {}
    heading = ""
    for number, line in enumerate(text.splitlines(), 1):
        if _NOTHING.fullmatch(line):
            continue
        found = _LINE.fullmatch(line)
        if not found or found[2].lower() in _NO_NAMES:
            raise MoreThanSwitches(number)
        indent, name, said = len(found[1]), found[2], found[3]
        where: Where = (heading, name) if indent else (name,)
        if where in lines:
            raise MoreThanSwitches(number)
        if not indent:
            value[name] = {} if said == "{}" else None if said is None else said == "true"
            heading, depth = "" if said else name, 0
        elif heading and said in ("true", "false") and depth in (0, indent):
            below = value[heading] or {}
            assert isinstance(below, dict)
            value[heading] = below | {name: said == "true"}
            depth = indent
        else:
            raise MoreThanSwitches(number)
        lines.setdefault((), number)
        lines[where] = number
    return value, lines
