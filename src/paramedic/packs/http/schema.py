"""Whether a document keeps to a JSON Schema, where the package for it is installed."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from paramedic.packs.http.answer import readable


class CannotJudge(Exception):
    """The schema could not be applied; that says nothing about the document."""


def broken_rule(schema: Path, document: object) -> str | None:
    """The first rule that the document breaks, in words.

    Raises:
        CannotJudge: the schema cannot be read, or not be applied.
    """
    try:
        # Any: an optional package, whose types may or may not be installed
        validators: Any = import_module("jsonschema.validators")
        registry: Any = import_module("referencing").Registry()  # empty: a reference elsewhere is never fetched
    except ImportError:
        raise CannotJudge("the package `jsonschema` is not installed") from None
    try:
        rules = json.loads(schema.read_bytes())
        validator = validators.validator_for(rules)
        validator.check_schema(rules)
        errors: list[Any] = list(validator(rules, registry=registry).iter_errors(document))
    except Exception as error:  # a boundary: schemas are a language of their own and fail in their own ways
        raise CannotJudge(f"`{schema.name}` could not be applied: {type(error).__name__}") from None
    if not errors:
        return None
    broken = errors[0]
    place = ".".join(str(part) for part in broken.absolute_path) or "the whole"
    return f"`{place}` breaks the rule `{broken.validator}`: {readable(str(broken.message))[:120]}"
