"""Which operations of a described API can be tried without knowing anything: GET, with nothing required."""

import json
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from paramedic.packs.http.answer import Answer, readable

_LONGEST_PATH = 2000
_NEVER = ("logout", "signout", "shutdown", "restart", "delete", "remove", "reset")
"""A GET that is named so is left alone: it should change nothing, but too many do."""


class NoDescription(Exception):
    """What should describe an API does not; the message says why."""


def plain_operations(described: Answer, place: str) -> tuple[str, ...]:
    """The addresses of every GET that needs no parameters, in the order of the description.

    Raises:
        NoDescription: it is no OpenAPI (or Swagger) description.
    """
    if described.status != 200:
        raise NoDescription(f"answered {described.title}")
    try:
        document = json.loads(described.body)
    except (ValueError, RecursionError):
        raise NoDescription(
            f"{readable(place)} holds no JSON{'' if described.is_whole else ' (or too much)'}"
        ) from None
    paths = document.get("paths") if isinstance(document, Mapping) else None
    if not isinstance(paths, Mapping):
        raise NoDescription("it holds no `paths`")
    base = _base(document, place)
    found = [base + path for path, item in paths.items() if isinstance(path, str) and _is_plain(path, item)]
    return tuple(dict.fromkeys(found))


def _is_plain(path: str, item: object) -> bool:
    operation = item.get("get") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(operation, Mapping):
        return False
    if not path.startswith("/") or "{" in path or len(path) > _LONGEST_PATH or not path.isprintable():
        return False
    if any(word in path.lower() for word in _NEVER) or operation.get("deprecated") is True:
        return False
    given = [*_list(item.get("parameters")), *_list(operation.get("parameters"))]
    return not any(not isinstance(each, Mapping) or "$ref" in each or each.get("required") is True for each in given)


def _base(document: Mapping[object, object], place: str) -> str:
    """Where the paths begin: on the server that gave the description, whatever other servers it names."""
    parts = urlsplit(place)
    origin = f"{parts.scheme}://{parts.netloc}"
    servers = _list(document.get("servers"))
    named = servers[0].get("url") if servers and isinstance(servers[0], Mapping) else document.get("basePath")
    if not isinstance(named, str) or "{" in named:
        return origin
    try:
        path = urlsplit(urljoin(place, named)).path
    except ValueError:
        return origin
    return origin + path.rstrip("/")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
