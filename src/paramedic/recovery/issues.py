"""Words for what is wrong, as people and programs say them, and the types of incidents behind each."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from paramedic.model.code import IssueType

GENERAL = "general"


@cache
def issue_types() -> Mapping[str, tuple[IssueType, ...]]:
    """Each word to the types of incidents that it stands for."""
    return {word: tuple(map(IssueType, types)) for word, types in _table()["types"].items()}


def issue_of(error: BaseException) -> str:
    """The word for an error of a program: by its class, else by the nearest one that it inherits from."""
    known: Mapping[str, str] = _table()["errors"]
    names = (f"{each.__module__}.{each.__qualname__}" for each in type(error).__mro__)
    return next((known[name] for name in names if name in known), GENERAL)


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "issues.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = YAML(typ="safe", pure=True).load(text)
    return found
