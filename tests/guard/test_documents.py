"""Configuration files that know their lines."""

import sys
from pathlib import Path

import pytest

from paramedic.guard.documents import read_document
from paramedic.guard.errors import MissingExtra, UnreadableDocument
from paramedic.guard.flags import BASELINE

YAML = """# flags
overlays:
  a:
    enabled: true
  b: {rollout_percent: 5,
      categories: [x, y]}
list:
  - 1
  - two: 2
"""
JSON = """{
 "overlays": {
  "a": {
   "enabled": true},
  "b": {"rollout_percent": 5,
   "categories": ["x", "y"]}
 },
 "list": [1,
  {"two": 2, "q\\"uote": "[{,:"}]
}"""


def read(name, text):
    path = Path(name)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_document(path)


@pytest.mark.parametrize("name", ["f.yaml", "f.json"])
def test_every_key_knows_its_line(name) -> None:
    """In both languages; what is not there is where its surroundings are."""
    document = read(name, YAML if name == "f.yaml" else JSON)
    assert document.value["overlays"]["b"] == {"rollout_percent": 5, "categories": ["x", "y"]}
    assert document.line(("overlays",)) == 2
    assert document.line(("overlays", "a")) == 3
    assert document.line(("overlays", "a", "enabled")) == 4
    assert document.line(("overlays", "a", "missing")) == 3
    assert document.line(("overlays", "b", "rollout_percent")) == 5
    assert document.line(("overlays", "b", "categories")) == 6
    assert document.line(("list", 0)) == 8
    assert document.line(("list", 1, "two")) == 9
    assert document.line(("none",)) == (2 if name == "f.yaml" else 1)


def test_json_in_a_yaml_file_needs_no_parser(monkeypatch) -> None:
    """And YAML without one names the extra."""
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    assert read("f.yaml", '  {"a": 1}').value == {"a": 1}
    with pytest.raises(
        MissingExtra,
        match=r"line 1 of `f.yaml` needs a parser for YAML: pip install 'paramedic\[guard\]', or write JSON",
    ):
        read("f.yaml", "a: 1")


@pytest.mark.parametrize(
    "text",
    [
        BASELINE.read_text(),
        "",
        "# nothing yet\n\n",
        "a: true\nb-2.c: false\n_d:   true   # because\n",
        "overlays:\n  # first\n  a: true\n\n  b: false # off\n",
        "overlays:\n    a: true\n    A: true\nflags: {}  # none\nx: false\n",
        "overlays:\nflags:\n  overlays: true\n  flags: false\n",
    ],
)
def test_switches_need_no_parser(monkeypatch, text) -> None:
    """What is only true or false is read without one, and means the same, lines included."""
    parsed = read("f.yaml", text)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    assert read("f.yaml", text) == parsed


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1", 1),
        ("a: yes", 1),
        ("a: True", 1),
        ("a:true", 1),
        ("a: true#", 1),
        ("'a': true", 1),
        ("True: true", 1),
        ("null: true", 1),
        ("false: true", 1),
        ("1: true", 1),
        ("a: true\na: false", 2),
        ("a:\n  b: true\n  b: true", 3),
        ("a: true\n  b: true", 2),
        ("a: {}\n  b: true", 2),
        ("  a: true", 1),
        ("a:\n  b: true\n   c: true", 3),
        ("a:\n  b:\n    c: true", 2),
        ("a:\n  b: {}", 2),
        ("a:\n\tb: true", 2),
        ("\t", 1),
        ("é: true", 1),
        ("- a", 1),
    ],
)
def test_more_than_switches_is_never_guessed(monkeypatch, text, line) -> None:
    """Without a parser, the line that needs one is named."""
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(MissingExtra, match=f"line {line} of `f.yaml` needs a parser"):
        read("f.yaml", text)


@pytest.mark.parametrize(
    ("name", "text", "line", "complaint", "expected"),
    [
        ("f.yaml", "a: 1\nb: [1,\n", 3, "cannot be parsed: ", "YAML"),
        ("f.yaml", "a: 1\na: 2\n", 2, "cannot be parsed: ", "YAML"),
        ("f.yaml", "{a: 1,\n b: ]}", 2, "cannot be parsed: ", "YAML"),
        ("f.yaml", b"a: 1\nb: \xff\n", 2, "byte 8 is no UTF-8", "UTF-8 text"),
        ("f.yaml", "a: \x01", 1, "cannot be parsed: ReaderError", "YAML"),
        ("f.yaml", "a: " + "[" * 1000, 1, "cannot be parsed: RecursionError", "YAML"),
        ("f.yaml", "a: 2020-99-99", 1, "cannot be parsed: ValueError", "YAML"),
        ("f.json", '{"a": 1,\n}', 2, "cannot be parsed: ", "JSON"),
        ("f.json", "a: 1", 1, "cannot be parsed: ", "JSON"),
        ("f.json", "1" * 5000, 1, "cannot be parsed: Exceeds", "JSON"),
        ("f.json", '{"a":' * 50_000, 1, "is nested too deeply", "fewer levels"),
    ],
)
def test_what_cannot_be_parsed_names_its_line(name, text, line, complaint, expected) -> None:
    """One problem: the one that the parser found."""
    with pytest.raises(UnreadableDocument) as found:
        read(name, text)
    assert found.value.problem.line == line
    assert found.value.problem.observed.startswith(complaint)
    assert found.value.problem.expected == expected
    assert str(found.value).startswith(f"`{name}`: line {line}: `{name}` ")


def test_odd_but_sound_documents_are_read() -> None:
    """Flow mappings, empty files, aliases onto themselves, byte order."""
    assert read("f.yaml", "{a: 1}").value == {"a": 1}
    assert read("f.yaml", "").value is None
    assert read("f.yaml", "a: &x [1]\nb: *x").value == {"a": [1], "b": [1]}
    assert read("f.json", "[1, [2, 3]]").lines[(1, 1)] == 1
    assert read("f.json", '\n{"a": 1}').line(("a",)) == 2
    with pytest.raises(FileNotFoundError):
        read_document(Path("none.yaml"))


def test_lines_are_known_for_twenty_levels() -> None:
    """What is deeper is where its surroundings are."""
    text = "".join(f"{' ' * depth}a:\n" for depth in range(25))
    assert read("f.yaml", text).line(("a",) * 25) == 21


def test_a_parser_that_names_no_place(monkeypatch) -> None:
    """Then it is the first line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    def load(self, text):
        raise MarkedYAMLError(problem="something is odd")

    monkeypatch.setattr(YAML, "load", load)
    with pytest.raises(
        UnreadableDocument, match=r"^`f.yaml`: line 1: `f.yaml` cannot be parsed: something is odd, expected"
    ):
        read("f.yaml", "a: 1")
