"""What a YAML parser complains about, in words that say what to change."""

import re

from paramedic.service.problems import Problems, quoted

_PLAIN = (
    (r"mapping values are not allowed here", "a second `:` on one line", "put the text that holds `: ` in quotes"),
    (r"character '\\t' that cannot start", "a tab where only spaces may stand", "indent with spaces"),
    (r"found unexpected end of stream", "a quote that is never closed", None),
    (r"but got '<stream end>'", "a bracket that is never closed", None),
    (r"character '(.)' that cannot start any token", "a value may not begin with {0}", "put it in quotes"),
    (r"expected the node content, but found '(.*)'", "a value is missing before {0}", None),
    (r"expected '<document start>'", "it does not belong to what stands above", None),
    (r"expected <block end>", "the indentation does not fit the lines above", None),
    (r"could not find expected ':'", "a key without a `:`", None),
    (r"expected ',' or '([\]}])', but got '(.*)'", "{1} where `,` or {0} belongs", None),
)
_MOST_TABS = 20


def explain(error: Exception, text: str, problems: Problems) -> None:
    """Add what the parser found, where, and where the trouble began."""
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    if mark is None and isinstance(position, int):  # a character that YAML forbids
        before = text[:position]
        where = position - before.rfind("\n")
        problems.add(
            f"not YAML: the control character {quoted(text[position : position + 1])} in column {where}",
            line=before.count("\n") + 1,
            expected="printable text",
        )
        return
    if mark is None:
        problems.add(f"not YAML: the parser gave up ({type(error).__name__})", expected="valid YAML")
        return
    found, hint = _in_plain_words(str(getattr(error, "problem", "") or "it cannot be understood"))
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    began = getattr(error, "context_mark", None)
    if began is not None and began.line != mark.line:
        found += f", in what began on line {began.line + 1}"
    if "tab" in found:
        _every_tab(text, mark.line + 1, problems)
        return
    if re.search(r"""[\[{,:]\s*\$\{""", line):
        hint = 'a variable within `{…}` or `[…]` needs quotes: `"${NAME}"`'
    problems.add(f"not YAML: {found}, in column {mark.column + 1}", line=mark.line + 1, hint=hint)


def _in_plain_words(problem: str) -> tuple[str, str | None]:
    for pattern, words, hint in _PLAIN:
        if match := re.search(pattern, problem):
            return words.format(*(quoted(each) for each in match.groups())), hint
    return re.sub(r"'([^']*)'", lambda found: quoted(found[1]), problem), None


def _every_tab(text: str, at: int, problems: Problems) -> None:
    """The parser stops at the first tab; a person wants to know all of them."""
    lines = {number for number, line in enumerate(text.splitlines(), 1) if re.match(r"[ ]*\t", line) and line.strip()}
    for number in sorted(lines | {at})[:_MOST_TABS]:
        problems.add("not YAML: a tab where only spaces may stand", line=number, hint="indent with spaces")
