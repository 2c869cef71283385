"""The tools of a server as they were written down, and what has changed since, in words."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from paramedic.sdk.files import TooLarge, read_whole

Schema = Mapping[str, Any]  # Any: a JSON Schema
_VERSION = 1
_LARGEST = 8 << 20
_CHARS = 80


class NoManifest(Exception):
    """The manifest cannot be used; that says nothing about the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a server offered when somebody said that it is right."""

    server: str
    protocol: str
    recorded_at: datetime
    tools: Mapping[str, Schema]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between then and now."""

    tool: str
    words: str
    breaks: bool
    """Whether calls that were right then are wrong now, or may be."""


def digest(schema: object) -> str:
    """SHA-256 over the canonical JSON of a schema: sorted keys, no spaces."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def as_text(manifest: Manifest) -> str:
    """The file's content."""
    tools = {
        name: {"sha256": digest(contract(tool)), **{key: value for key, value in tool.items() if value is not None}}
        for name, tool in sorted(manifest.tools.items())
    }
    document = {
        "schema_version": _VERSION,
        "server": manifest.server,
        "protocol": manifest.protocol,
        "recorded_at": manifest.recorded_at.isoformat(timespec="seconds"),
        "tools": tools,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> Manifest | None:
    """What was written down; ``None`` where nothing was.

    Raises:
        NoManifest: it cannot be read, or is none.
    """
    try:
        data = json.loads(read_whole(path, _LARGEST))
        if data["schema_version"] != _VERSION:
            raise NoManifest(f"`{path.name}` is of version {data['schema_version']}, not {_VERSION}")
        tools = {str(name): dict(each) for name, each in data["tools"].items()}
        for name, tool in tools.items():
            if tool.pop("sha256", None) != digest(contract(tool)):
                raise NoManifest(f"the digest of `{name}` in `{path.name}` is not that of its schema")
        return Manifest(
            server=str(data["server"]),
            protocol=str(data["protocol"]),
            recorded_at=datetime.fromisoformat(data["recorded_at"]),
            tools=tools,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoManifest(f"`{path}` cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, TooLarge, RecursionError) as error:
        raise NoManifest(f"`{path.name}` is no list of tools: {type(error).__name__}: {error}"[:200]) from None


def changes(then: Mapping[str, Schema], now: Mapping[str, Schema]) -> tuple[Change, ...]:
    """Everything that differs, what breaks calls first."""
    found = [Change(tool=name, words="is gone", breaks=True) for name in then if name not in now]
    found += [Change(tool=name, words="is new", breaks=False) for name in now if name not in then]
    for name in then.keys() & now.keys():
        found += _of_tool(name, then[name], now[name])
    return tuple(sorted(found, key=lambda each: (not each.breaks, each.tool, each.words)))


def contract(tool: Schema) -> Mapping[str, Any]:
    """What calls rely upon."""
    return {"inputSchema": tool.get("inputSchema"), "outputSchema": tool.get("outputSchema")}


def _of_tool(name: str, then: Schema, now: Schema) -> Iterator[Change]:
    if then.get("description") != now.get("description"):
        words = f"describes itself as {_brief(now.get('description'))}, was {_brief(then.get('description'))}"
        yield Change(tool=name, words=words, breaks=False)
    if digest(contract(then)) == digest(contract(now)):
        return
    told = [
        *_of_arguments(name, then.get("inputSchema") or {}, now.get("inputSchema") or {}),
        *(
            Change(tool=name, words=f"its result differs at {words}", breaks=True)
            for words in _differences(then.get("outputSchema"), now.get("outputSchema"))
        ),
    ]
    yield from told or [Change(tool=name, words="its schema differs", breaks=True)]


def _of_arguments(name: str, then: Schema, now: Schema) -> Iterator[Change]:
    before, after = _mapping(then.get("properties")), _mapping(now.get("properties"))
    needed_then, needed_now = set(_texts(then.get("required"))), set(_texts(now.get("required")))
    for each in sorted(before.keys() - after.keys()):
        yield Change(tool=name, words=f"the argument `{each}` is gone", breaks=True)
    for each in sorted(after.keys() - before.keys()):
        must = each in needed_now
        yield Change(tool=name, words=f"the {'required' if must else 'optional'} argument `{each}` is new", breaks=must)
    for each in sorted(before.keys() & after.keys()):
        if each in needed_now - needed_then:
            yield Change(tool=name, words=f"the argument `{each}` is required now", breaks=True)
        if each in needed_then - needed_now:
            yield Change(tool=name, words=f"the argument `{each}` may be left out now", breaks=False)
        kinds = _kind(before[each]), _kind(after[each])
        if kinds[0] != kinds[1]:
            yield Change(tool=name, words=f"the argument `{each}` is {kinds[1]}, was {kinds[0]}", breaks=True)
            continue
        for words in _differences(before[each], after[each]):
            yield Change(
                tool=name, words=f"the argument `{each}` differs at {words}", breaks="description" not in words
            )
    skipped = ("properties", "required")
    rest_then, rest_now = ({key: value for key, value in each.items() if key not in skipped} for each in (then, now))
    for words in _differences(rest_then, rest_now):
        is_cosmetic = words.startswith(("`title`", "`description`", "`$schema`"))
        yield Change(tool=name, words=f"its arguments differ at {words}", breaks=not is_cosmetic)


def _differences(then: object, now: object, path: str = "") -> Iterator[str]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted({*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif digest(then) != digest(now):
        yield f"`{path or 'its whole'}`: {_brief(now)}, was {_brief(then)}"


def _kind(schema: object) -> str:
    found = _mapping(schema)
    kind = found.get("type")
    if isinstance(kind, str):
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return "of several types" if kind or "anyOf" in found or "oneOf" in found else "of any type"


def _brief(value: object) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return f"`{text if len(text) <= _CHARS else text[: _CHARS - 1] + '…'}`"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
