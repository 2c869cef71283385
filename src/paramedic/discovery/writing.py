"""The text of a service file, with a comment on everything that was supposed."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from paramedic.discovery.guess import Candidate, Guess, LeftOut, Reference
from paramedic.report.words import one_line

_PLAIN = re.compile(r"[A-Za-z_/][\w/.@:+-]*[\w/]|[A-Za-z_]|\.[A-Za-z_][\w/.-]*|[0-9]{1,3}(\.[0-9]{1,3}){3}")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}


def written(service: str, guesses: Iterable[Guess], left_out: Iterable[LeftOut]) -> str:
    """The whole file; each component is written as its first candidate."""
    lines = [
        "# Written by `paramedic init` from what was found on this machine; it is yours now.",
        "# `paramedic config validate` tells every mistake, `paramedic config schema` serves editors.",
        "",
        f"service: {_scalar(service)}",
        "",
        "# Nothing is done without your word. With `auto`, what is safe and reversible runs by itself.",
        "autonomy: approve",
        '# escalation: {L2: ["https://example.org/on-call"]}  # who is told what cannot be healed',
        "",
        "components:",
    ]
    for each in guesses:
        lines += ["", *_component(each, each.candidates[0])]
    not_put_in = [f"#   {one_line(each.name)}: {one_line(each.why)}" for each in left_out]
    if not_put_in:
        lines += ["", "# Seen and not put in:", *not_put_in]
    return "\n".join(lines) + "\n"


def _component(guess: Guess, candidate: Candidate) -> list[str]:
    comments = [guess.what, candidate.note, *guess.refused]
    keys = {**candidate.keys, **guess.common}
    needs = [f"    depends_on: {_value(list(guess.needs))}"] if guess.needs else []
    return [
        f"  {guess.name}:",
        *(f"    # {one_line(each)}" for each in comments if each),
        *(f"    {key}: {_value(value)}" for key, value in keys.items()),
        *(f"    # {each}" for each in guess.advice),
        *needs,
    ]


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    """A number, a word, or a text in quotes where YAML could take it for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Reference):
        return json.dumps(str(value))
    text = str(value) if isinstance(value, str | Path) else repr(value)
    text = text.replace("${", "$${")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not text.endswith(":") and ": " not in text
    return text if plain else json.dumps(text, ensure_ascii=False)
