"""The docstring under each field of a dataclass, read from its source."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise


@cache
def of_fields(cls: type) -> Mapping[str, str]:
    """Field to what its docstring says, those of base classes included; nothing where there is no source."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if is_dataclass(each):
            found |= _own(each)
    return found


def _own(cls: type) -> dict[str, str]:
    try:
        module = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # made at run time, or shipped without source
        return {}
    body = module.body[0].body if isinstance(module.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = " ".join(inspect.cleandoc(text).split()).replace("``", "`")
    return found


def of_class(cls: type) -> str:
    """The first line of a class's docstring; none where dataclass only wrote the signature."""
    text = inspect.getdoc(cls) or ""
    return (
        "" if text.startswith(f"{cls.__name__}(") else text.partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    )
