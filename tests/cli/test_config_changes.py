"""``paramedic config set``, ``repair``, ``reset`` and ``diff``: one change, and nothing else."""

import json
from pathlib import Path

import pytest

from paramedic.model.errors import ParamedicError, UsageError
from paramedic.sdk.editing import Unreadable, keys_in, parsed, section, value_of, with_section, with_value

SERVICE = """\
# my service
service: shop   # its name

components:
  # the front door
  door:
    kind: tcp
    port: 8000   # moved once
    depends_on: [settings]

  settings: {kind: config, path: app.yaml, required: [a], sections_kept: [projects], defaults: app.default.yaml}

# the end
"""
APP = "# keep me\na: 1   # one\npassword: hunter22\nprojects: {x: 1}\n"


@pytest.fixture
def shop(home: Path) -> Path:
    """A service file with a door and a configuration file."""
    (home / "paramedic.yaml").write_text(SERVICE)
    (home / "app.yaml").write_text(APP)
    (home / "app.default.yaml").write_text("a: 0\nb: 2\n")
    return home


EDITS = [
    ("yaml", "a: 1  # x\nb: 2\n", "a", 5, "a: 5  # x\nb: 2\n"),
    ("yaml", "a:\nb: 2\n", "a", "x y", 'a: "x y"\nb: 2\n'),
    ("yaml", "a:\n  b: 1\n  # c\nd: 2\n", "a.c", True, "a:\n  b: 1\n  c: true\n  # c\nd: 2\n"),
    ("yaml", "a: {b: 1}  # x\n", "a.c", [1, "x"], "a: {b: 1, c: [1, x]}  # x\n"),
    ("yaml", "a: {}\n", "a.b", 1, "a: {b: 1}\n"),
    ("yaml", "a:\n- 1\n- 2\n# end\nb: 3\n", "a", [], "a: []\n# end\nb: 3\n"),
    ("yaml", "a: |\n  x\n  y\nb: 3\n", "a", "z", "a: z\nb: 3\n"),
    ("yaml", "a.b: 1\nc: 2", "a.b", 3, "a.b: 3\nc: 2"),
    ("yaml", "a: 1", "b.c", "5s", "a: 1\nb: {c: 5s}\n"),
    ("yaml", "# nothing yet\n", "a", 1, "# nothing yet\na: 1\n"),
    ("yaml", "a: 'old'\n", "a", "007", 'a: "007"\n'),
    ("yaml", "a: 1\n", "a", "${PORT}", 'a: "${PORT}"\n'),
    ("json", '{\n  "a": 1,\n  "b": {"c": 2}\n}\n', "b.c", 3, '{\n  "a": 1,\n  "b": {\n    "c": 3\n  }\n}\n'),
    ("toml", "# x\na = 1  # one\n\n[t]\nb = 2\n", "a", 5, "# x\na = 5  # one\n\n[t]\nb = 2\n"),
    ("toml", "a = 1\n\n[t]\nb = 2\n\n[u]\nc = 3\n", "t.d", "x", 'a = 1\n\n[t]\nb = 2\nd = "x"\n\n[u]\nc = 3\n'),
    ("toml", "a = 1\n", "n.m", 2, "a = 1\n\n[n]\nm = 2\n"),
    ("toml", "[[t]]\na = 1\n", "b", 5, "b = 5\n[[t]]\na = 1\n"),
    ("env", "# x\nexport A=1\nB=2\n", "A", "x y", '# x\nexport A="x y"\nB=2\n'),
    ("env", "A=1", "C", 3, "A=1\nC=3\n"),
]


@pytest.mark.parametrize(("format", "text", "key", "value", "wanted"), EDITS)
def test_one_value_changes_and_nothing_else(format, text, key, value, wanted) -> None:
    """Comments, order and blank lines stay, in every format."""
    assert with_value(text, format, keys_in(parsed(text, format), key), value) == wanted


@pytest.mark.parametrize(
    ("format", "text", "keys"),
    [("yaml", "x: &x {a: 1}\ny: *x\n", ("x", "a")), ("toml", 'a = """\nb = 1\n"""\n', ("a",))],
)
def test_what_would_change_more_is_refused(format, text, keys) -> None:
    """An alias, a text over several lines: a person has to do it."""
    with pytest.raises(ParamedicError, match="without changing other lines"):
        with_value(text, format, keys, 5)


def test_a_value_cannot_stand_in_a_number() -> None:
    """And a text that makes no sense cannot be changed."""
    with pytest.raises(UsageError):
        with_value("a: 1\n", "yaml", ("a", "b"), 2)
    for format, text in (("yaml", "a: ["), ("json", "{"), ("toml", "a =")):
        with pytest.raises(Unreadable):
            with_value(text, format, ("a",), 1)


def test_words_are_read_as_a_person_means_them() -> None:
    """Numbers, truth, lists, texts, and what is no YAML at all."""
    words = {"5": 5, "true": True, "[a, 1]": ["a", 1], "x": "x", "a: [": "a: [", "${A}": "${A}", "null": None}
    assert {word: value_of(word) for word in words} == words


def test_sections() -> None:
    """With the comments inside, without those behind."""
    text = "a: 1\n# of b\nb:\n  # in b\n  c: 2\n\n# the end\nd: [\n"
    assert section(text, "b") == "b:\n  # in b\n  c: 2\n"
    assert section(text, "x") is None
    assert with_section("b: 1\nc: 2\n", "b", "b:\n  x: 1\n") == "b:\n  x: 1\nc: 2\n"
    assert with_section("c: 2\n", "b", "b: 1\n") == "c: 2\n\nb: 1\n"


def test_set_changes_one_line_and_keeps_the_version_before(shop, paramedic) -> None:
    """The diff of the file is that line; what was there lies beside it."""
    done = paramedic("config", "set", "components.door.port", "8001")
    assert (done.returncode, done.stderr) == (0, "")
    assert (shop / "paramedic.yaml").read_text() == SERVICE.replace("port: 8000", "port: 8001")
    (backup,) = shop.glob("paramedic.yaml.*.bak")
    assert backup.read_text() == SERVICE
    assert backup.name in done.stdout
    again = paramedic("config", "set", "components.door.port", "8001")
    assert "has this value already" in again.stdout
    assert len(list(shop.glob("*.bak"))) == 1


def test_set_refuses_what_would_not_be_valid(shop, paramedic) -> None:
    """Exit 78 with what is wrong, and the file as it was."""
    done = paramedic("config", "set", "components.door.prot", "8001")
    assert done.returncode == 78
    assert "did you mean `port`" in done.stderr
    assert (shop / "paramedic.yaml").read_text() == SERVICE
    assert not list(shop.glob("*.bak"))
    assert paramedic("config", "set", "components.door.port.x", "1").returncode == 64


def test_repair_goes_back_to_the_last_good_version(shop, paramedic) -> None:
    """It shows the difference, asks, and keeps the broken one; what is well is left alone."""
    assert "nothing is wrong" in paramedic("config", "repair").stdout
    assert paramedic("config", "diff").returncode == 3
    assert paramedic("config", "set", "components.door.port", "8001").returncode == 0
    good = (shop / "paramedic.yaml").read_text()
    assert paramedic("config", "diff").returncode == 0
    (shop / "paramedic.yaml").write_text(good + "componets: [\n")
    compared = paramedic("config", "diff")
    assert (compared.returncode, "+componets: [" in compared.stdout) == (1, True)
    refused = paramedic("config", "repair")
    assert refused.returncode == 64
    assert "-componets: [" in refused.stdout
    assert "--yes" in refused.stderr
    done = paramedic("config", "repair", "--yes")
    assert done.returncode == 0, done.stderr
    assert (shop / "paramedic.yaml").read_text() == good
    assert [each for each in shop.glob("*.bak") if "componets" in each.read_text()]
    (shop / "paramedic.yaml").unlink()
    assert paramedic("config", "repair", "--yes").returncode == 0
    assert (shop / "paramedic.yaml").read_text() == good


def test_repair_without_a_good_version(shop, paramedic) -> None:
    """Exit 78, every mistake, and what a person can do."""
    (shop / "paramedic.yaml").write_text(SERVICE.replace("port:", "prot:"))
    done = paramedic("config", "repair", "--yes")
    assert done.returncode == 78
    assert "unknown key `prot`" in done.stderr
    assert "no good version of it is kept" in done.stderr


def test_a_component_is_changed_by_a_plan(shop, paramedic) -> None:
    """With receipts; validated by its own rules first; the secret in it is never shown."""
    done = paramedic("config", "set", "--component", "settings", "a", "5")
    assert done.returncode == 0, done.stderr
    assert "verified by plan-" in done.stdout
    assert (shop / "app.yaml").read_text() == APP.replace("a: 1 ", "a: 5 ")
    receipts = json.loads(paramedic("receipts", "--format", "json").stdout)
    assert {"config.put", "config.reload-dependants"} == {each["action"] for each in receipts}
    refused = paramedic("config", "set", "--component", "settings", "a", "null")
    assert refused.returncode == 78
    assert "`a` is not set" in refused.stderr
    assert paramedic("config", "set", "--component", "door", "a", "1").returncode == 64
    assert paramedic("config", "set", "--component", "nobody", "a", "1").returncode == 64
    assert not list((shop / ".paramedic" / "drafts").iterdir())


def test_a_component_starts_again_from_its_defaults(shop, paramedic) -> None:
    """With the sections that it keeps and those that are named."""
    done = paramedic("config", "reset", "--component", "settings", "--yes", "--keep", "password")
    assert done.returncode == 0, done.stderr
    assert parsed((shop / "app.yaml").read_text(), "yaml") == {
        "a": 0, "b": 2, "projects": {"x": 1}, "password": "hunter22",
    }  # fmt: skip
    assert "hunter22" not in done.stdout
    assert paramedic("config", "reset", "--component", "settings", "--yes", "--keep", "nothing").returncode == 64
