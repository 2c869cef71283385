"""What tools were, what they are, and the difference in words."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from paramedic.packs.mcp.manifest import Manifest, NoManifest, as_text, changes, digest, read

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda each: some.lists(each, max_size=3) | some.dictionaries(some.text(), each, max_size=3),
    max_leaves=10,
)


def tool(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    """A tool with these arguments."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"inputSchema": schema, "outputSchema": None, "description": "Does it."}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
THEN = tool(("a",), a=TEXT, b=NUMBER)


@pytest.mark.parametrize(
    ("now", "words", "breaks"),
    [
        (None, "is gone", True),
        (tool(("a",), a=TEXT), "the argument `b` is gone", True),
        (tool(("a", "b"), a=TEXT, b=NUMBER), "the argument `b` is required now", True),
        (tool((), a=TEXT, b=NUMBER), "the argument `a` may be left out now", False),
        (tool(("a",), a=TEXT, b=TEXT), "the argument `b` is a string, was an integer", True),
        (tool(("a",), a=TEXT, b={}), "the argument `b` is of any type, was an integer", True),
        (tool(("a",), a=TEXT, b=NUMBER, c=TEXT), "the optional argument `c` is new", False),
        (tool(("a", "c"), a=TEXT, b=NUMBER, c=TEXT), "the required argument `c` is new", True),
        (
            tool(("a",), a={**TEXT, "maxLength": 5}, b=NUMBER),
            "the argument `a` differs at `maxLength`: `5`, was nothing",
            True,
        ),
        (
            tool(("a",), a={**TEXT, "description": "A."}, b=NUMBER),
            'the argument `a` differs at `description`: `"A."`, was nothing',
            False,
        ),
        ({**THEN, "description": "Other."}, 'describes itself as `"Other."`, was `"Does it."`', False),
        ({**THEN, "outputSchema": {"type": "object"}},
         'its result differs at `its whole`: `{"type": "object"}`, was nothing', True),
        (
            {**THEN, "inputSchema": {**THEN["inputSchema"], "additionalProperties": False}},
            "its arguments differ at `additionalProperties`: `false`, was nothing",
            True,
        ),
    ],
)  # fmt: skip
def test_a_change_in_words(now: dict[str, object] | None, words: str, breaks: bool) -> None:
    """Each kind of change has its sentence, and is known to break calls or not."""
    [change] = changes({"find": THEN}, {"find": now} if now else {})
    assert (change.tool, change.words, change.breaks) == ("find", words, breaks)


def test_what_breaks_comes_first() -> None:
    """A new tool is told last."""
    told = changes({"a": THEN, "b": THEN}, {"b": THEN, "c": THEN})
    assert [(each.tool, each.words) for each in told] == [("a", "is gone"), ("c", "is new")]
    assert changes({"a": THEN}, {"a": json.loads(json.dumps(THEN))}) == ()


@given(some.dictionaries(some.text(), JSON, max_size=5))
def test_a_digest_is_of_the_meaning(schema: dict[str, object]) -> None:
    """The order of keys and the way it was written change nothing."""
    again = json.loads(json.dumps(dict(reversed(schema.items())), indent=3))
    assert digest(again) == digest(schema)


@given(some.dictionaries(some.text(min_size=1), JSON, max_size=3), some.dictionaries(some.text(), JSON, max_size=3))
def test_any_two_schemas_can_be_compared(then: dict[str, object], now: dict[str, object]) -> None:
    """Whatever a server sends, a difference is told exactly where there is one."""
    before, after = ({"t": {"inputSchema": each, "outputSchema": None}} for each in (then, now))
    assert bool(changes(before, after)) == (digest(then) != digest(now))


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What was edited by hand without its digest, or is no manifest, is refused; none at all is none."""
    path = tmp_path / "tools.json"
    assert read(path) is None
    manifest = Manifest(
        server="s 1", protocol="2025-11-25", recorded_at=datetime(2026, 1, 1, tzinfo=UTC), tools={"find": THEN}
    )
    path.write_text(as_text(manifest))
    found = read(path)
    assert found is not None
    assert changes(found.tools, manifest.tools) == ()
    for wrong in (as_text(manifest).replace('"integer"', '"string"'), "[]", "{", '{"schema_version": 9}', "\xff"):
        path.write_text(wrong)
        with pytest.raises(NoManifest):
            read(path)
