"""Judges a single value by pydantic and says what is wanted in our own words."""

from functools import cache
from typing import Any

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "`true` or `false`",
    "string": "text",
    "finite": "a finite number",
    "url": "an address such as `http://127.0.0.1:8000`",
    "datetime": "a time such as `2026-01-31T12:00:00Z`",
    "date": "a date such as `2026-01-31`",
    "path": "a path",
}
_LIMITS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches `{pattern}`",
    "multiple_of": "a multiple of {multiple_of}",
    "value_error": "{error}",
    "assertion_error": "{error}",
}


def check_leaf(value: Any, annotation: Any) -> tuple[tuple[str, ...], Any]:  # Any: whatever YAML says and a pack wants
    """What was expected instead (empty when all is well), and the value as the annotation has it."""
    from pydantic import ValidationError

    try:
        return (), _adapter(annotation).validate_python(value)
    except ValidationError as error:
        return tuple(dict.fromkeys(_said(each) for each in error.errors(include_url=False, include_input=False))), None
    except Exception as error:  # a boundary: the annotation belongs to a pack and may be anything
        return (f"what the pack of this kind can read ({type(error).__name__}: {error})",), None


@cache
def _adapter(annotation: Any) -> Any:  # Any: pydantic is imported only where something is checked
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # the annotation brings a configuration of its own
        return TypeAdapter(annotation)


def _said(error: Any) -> str:  # Any: pydantic's ErrorDetails, whose import would cost
    kind, context = error["type"], error.get("ctx", {})
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context)
    word = _WORDS.get(kind.partition("_")[0])
    message = str(error["msg"]).removeprefix("Input should be ")
    return word or message[:1].lower() + message[1:]
