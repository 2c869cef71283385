"""What is found wrong with configuration files."""

import json
import os
from pathlib import Path

import pytest

from paramedic.packs.config import pack
from paramedic.packs.config.checks import is_valid
from paramedic.packs.config.target import Config, Rule, ValueType
from paramedic.sdk import ProcessSpec, Status

GOOD = """\
# the memory agent
database_url: postgresql://localhost/memory
redis_url: redis://localhost
vector_dimension: 384
mcp_servers: [http://127.0.0.1:3001/mcp]
"""
REQUIRED = ("database_url", "redis_url", "vector_dimension", "mcp_servers")


@pytest.fixture
def expect(tmp_path: Path, look):
    """Write a text to a file, look at it, and compare codes (and lines, where given)."""

    async def check(text: str | bytes, *wanted: str, name: str = "agent.yaml", **fields):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        before = path.read_bytes(), path.stat().st_mtime_ns
        found = await look(is_valid, Config(path=path, **fields))
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before, "a check changes nothing"
        told = [
            f"{each.code}:{each.line}" if want and ":" in want else each.code
            for each, want in zip(found, wanted, strict=False)
        ]
        assert told == list(wanted), [(each.code, each.line, each.observed) for each in found]
        assert len(found) == len(wanted)
        return found

    return check


async def test_a_valid_file_is_healthy(expect) -> None:
    """All keys there and sensible: one finding, ok."""
    (found,) = await expect(GOOD, None, required=REQUIRED)
    assert found.status is Status.OK


async def test_every_problem_is_told_at_once_with_its_line(expect) -> None:
    """Three wrong values and a missing key are four findings; the wrong ones name their lines."""
    text = "vector_dimension: -5\n# note\nmcp_servers: []\ndatabase_url: ftp://somewhere\n"
    found = await expect(
        text,
        "config.missing-field",
        "config.invalid-value:4",
        "config.invalid-value:1",
        "config.invalid-value:3",
        required=REQUIRED,
    )
    assert [each.observed for each in found] == [
        "`redis_url` is not set",
        "`database_url` has the scheme `ftp`",
        "`vector_dimension` is `-5`",
        "`mcp_servers` has no entries",
    ]


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("a: 1\nb: {c: 1, d", "a.yaml", 2),
        ("a: 1\n\tb: 2\n", "a.yaml", 2),
        ("a: [*nobody]\n", "a.yaml", 1),
        ('{"a": 1,\n "b": }', "a.json", 2),
        ("", "a.json", None),
        ("", "a.yaml", None),
        ("a = 1\nb = [1,\n", "a.toml", 3),
        ("a = 1\nb 2\n", "a.toml", 2),
        ("A=1\nthis is no setting\n", ".env", 2),
        ("A=1\nB='never ends\n", ".env", 2),
        (b"a: gr\xfc\xdfe\n", "a.yaml", 1),
        ("a: 1\n".encode("utf-16"), "a.yaml", 1),
        (b"a: 1\nb: \0\0\0", "a.yaml", 2),
        (b"\x7fELF\x02\xff\xfe\x80\x90\xc0" * 100, "a.yaml", 1),
        ("a: 2026-13-45\n", "a.yaml", None),
        ("[" * 20_000, "a.yaml", 1),
        ("[" * 200_000, "a.json", None),
        ('{"a":' + "9" * 5000 + "}", "a.json", None),
    ],
)
async def test_what_makes_no_sense_names_its_line(expect, text, name: str, line: int | None) -> None:
    """Broken, foreign or hostile text is one finding with the line where one is known, never a traceback."""
    await expect(text, f"config.unparseable:{line}", name=name, required=("a",))


async def test_hostile_aliases_and_self_reference_do_no_harm(expect) -> None:
    """A YAML bomb and a list that holds itself are read in an instant."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(f'*{old}' for _ in range(9))}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    await expect(bomb, None, required=("i",))
    await expect("a: &a [*a]\n", None, required=("a",))


async def test_a_bomb_under_a_schema_is_a_look_that_failed(expect, tmp_path: Path) -> None:
    """Where aliases would have to be written out, there is a limit; the verdict is unknown, not broken."""
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object"}))
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(f'*{old}' for _ in range(9))}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    (found,) = await expect(bomb, "paramedic.cannot-look", schema=schema)
    assert found.status is Status.UNKNOWN


async def test_a_schema_names_what_is_missing_and_what_is_wrong(expect, tmp_path: Path) -> None:
    """Missing keys and wrong values of a JSON Schema are told apart; values are not shown."""
    schema = tmp_path / "schema.json"
    schema.write_text(
        json.dumps(
            {
                "type": "object",
                "required": ["port", "db"],
                "properties": {"port": {"type": "integer"}, "db": {"type": "object", "required": ["url"]}},
            }
        )
    )
    found = await expect(
        '{"port": "hunter2hunter2",\n "db": {}}',
        "config.invalid-value",
        "config.missing-field",
        name="a.json",
        schema=schema,
    )
    assert {each.line for each in found} == {1, 2}
    assert "hunter2" not in " ".join(each.observed for each in found)


async def test_a_schema_that_refers_to_another_host_is_never_fetched(expect, tmp_path: Path) -> None:
    """A remote reference is a look that failed, not a request."""
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"$ref": "http://127.0.0.1:9/schema.json"}))
    await expect('{"a": 1}', "paramedic.cannot-look", name="a.json", schema=schema)
    await expect('{"a": 1}', "paramedic.cannot-look", name="a.json", schema=tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("rule", "value", "is_right"),
    [
        (Rule(type=ValueType.INTEGER), "3", True),
        (Rule(type=ValueType.INTEGER), '"3"', True),
        (Rule(type=ValueType.INTEGER), "3.5", False),
        (Rule(type=ValueType.INTEGER), "true", False),
        (Rule(type=ValueType.BOOLEAN), "yes", True),
        (Rule(type=ValueType.LIST), "{a: 1}", False),
        (Rule(type=ValueType.MAPPING), "{a: 1}", True),
        (Rule(min=1, max=5), "6", False),
        (Rule(min=1, max=5), "5", True),
        (Rule(one_of=("dev", "prod")), "prod", True),
        (Rule(one_of=("dev", "prod")), "test", False),
        (Rule(one_of=(1, 2)), '"2"', True),
        (Rule(pattern="[a-z]+"), "abc", True),
        (Rule(pattern="[a-z]+"), "abc1", False),
        (Rule(not_empty=True), '""', False),
        (Rule(min_items=2), "[1]", False),
        (Rule(min_items=2), "text", False),
        (Rule(schemes=("postgresql",)), "postgresql+psycopg://x/y", True),
        (Rule(schemes=("postgresql",)), '"http://[x"', False),
        (Rule(schemes=("postgresql",)), "42", False),
        (Rule(schemes=("postgresql",)), "'${DATABASE_URL}'", True),
        (Rule(type=ValueType.INTEGER), "!env PORT", True),
        (Rule(not_empty=True), "null", True),
    ],
)
async def test_rules(expect, rule: Rule, value: str, is_right: bool) -> None:
    """Each rule accepts what is right, refuses what is not, and leaves alone what is filled in elsewhere."""
    await expect(f"deep: {{x: {value}}}\n", None if is_right else "config.invalid-value", rules={"deep.x": rule})


def test_a_rule_that_is_no_regular_expression_is_refused() -> None:
    """The mistake is told when the service file is read, not at every look."""
    with pytest.raises(ValueError, match="no regular expression"):
        Rule(pattern="[")


async def test_secret_values_are_never_shown(expect) -> None:
    """Neither a secret-looking key nor a password in a URL gets into a finding."""
    rules = {"api_key": Rule(min=1, one_of=("x",)), "url": Rule(one_of=("x",)), "blob": Rule(pattern="x")}
    text = "api_key: hunter2\nurl: ftp://anna:hunter2@host/\nblob: 8fK2mQ9xZr4LpW7vTn3sYb6cHd1gJe5aXu0oRi\n"
    found = await expect(text, *["config.invalid-value"] * 3, rules=rules)
    told = repr(found)
    assert "hunter2" not in told
    assert "8fK2" not in told


async def test_a_missing_file_and_a_missing_folder(look, tmp_path: Path) -> None:
    """A missing file is named; where the folder is gone too, a volume may not be mounted."""
    (found,) = await look(is_valid, Config(path=tmp_path / "a.yaml"))
    assert (found.code, found.status) == ("config.file-missing", Status.CRITICAL)
    (found,) = await look(is_valid, Config(path=tmp_path / "gone" / "a.yaml"))
    assert "volume" in found.because


async def test_a_missing_env_file_points_to_its_template(look, tmp_path: Path) -> None:
    """No `.env`: its own code, one finding, and the template that lies beside it."""
    (tmp_path / ".env.example").write_text("A=\n")
    (found,) = await look(is_valid, Config(path=tmp_path / ".env", variables=("DISCORD_TOKEN_OF_A_TEST",)))
    assert found.code == "config.env-file-missing"
    assert ".env.example" in (found.hint or "")
    assert found.evidence[0].text == "DISCORD_TOKEN_OF_A_TEST"


async def test_variables_are_looked_for_where_processes_get_them(
    expect, monkeypatch: pytest.MonkeyPatch, look, tmp_path: Path
) -> None:
    """The file, our own environment and the environment of the process all count; an empty value does not."""
    names = ("TEST_ONE_A", "TEST_TWO_B")
    await expect("TEST_ONE_A=1\nexport TEST_TWO_B='2'\n", None, name=".env", variables=names)
    await expect("TEST_ONE_A=1\nTEST_TWO_B=\n", "config.env-var-missing", name=".env", variables=names)
    monkeypatch.setenv("TEST_TWO_B", "x")
    await expect("TEST_ONE_A=1\n", None, name=".env", variables=names)
    spec = ProcessSpec(command=("x",), env={"TEST_ONE_A": "1"})
    (found,) = await look(is_valid, Config(path=tmp_path / ".env", variables=names), process=spec)
    assert found.status is Status.OK


async def test_an_env_file_is_held_against_its_sample(look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each variable of the sample must be named somewhere; a placeholder is no value; what is commented is optional."""
    sample = tmp_path / ".env.example"
    sample.write_text(
        "TEST_URL=http://127.0.0.1\nTEST_TOKEN=your-token-here\nTEST_EMPTY=\nTEST_MORE=1\n# TEST_OPTIONAL=1\n"
    )
    path = tmp_path / ".env"
    config = Config(path=path, sample=sample, variables=("TEST_MORE",))
    path.write_text("TEST_URL=http://127.0.0.1\nTEST_TOKEN=secret-of-mine\nTEST_EMPTY=\nTEST_MORE=2\n")
    (found,) = await look(is_valid, config)
    assert found.status is Status.OK
    path.write_text("TEST_URL=http://127.0.0.1\nTEST_TOKEN=your-token-here\n")
    found = await look(is_valid, config)
    assert [(each.code, each.line) for each in found] == [
        ("config.invalid-value", 2),
        ("config.env-var-missing", None),
        ("config.env-var-missing", None),
    ]
    assert "your-token-here" not in str(found), "values are not shown"
    assert {"`TEST_MORE` is not set", "`TEST_EMPTY` is not set"} == {each.observed for each in found[1:]}
    monkeypatch.setenv("TEST_MORE", "1")
    monkeypatch.setenv("TEST_EMPTY", "1")
    (found,) = await look(is_valid, config)
    assert found.code == "config.invalid-value"


@pytest.mark.parametrize("text", ["no setting at all\n", None])
async def test_a_sample_that_cannot_be_read_is_unknown(look, tmp_path: Path, text: str | None) -> None:
    """What it would have asked for is not known; the file itself is judged all the same."""
    sample = tmp_path / ".env.example"
    if text:
        sample.write_text(text)
    (tmp_path / ".env").write_text("A=1\n")
    found = await look(is_valid, Config(path=tmp_path / ".env", sample=sample, variables=("TEST_NOT_SET_AT_ALL",)))
    assert [each.code for each in found] == ["config.env-var-missing", "paramedic.cannot-look"]


async def test_a_pipe_a_folder_and_a_device_are_named_and_never_waited_for(look, tmp_path: Path) -> None:
    """What is no file is told within the look."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, what in ((pipe, "named pipe"), (tmp_path, "folder"), (Path("/dev/zero"), "device")):
        (found,) = await look(is_valid, Config(path=path), timeout_s=5)
        assert (found.code, what in found.observed) == ("config.unreadable", True)


async def test_a_file_too_large_to_read_is_unknown(expect) -> None:
    """Above the limit nobody can say whether it is right."""
    (found,) = await expect("a: 1\n" + "#" * (600 << 10), "paramedic.cannot-look", required=("a",))
    assert found.status is Status.UNKNOWN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_no_permission_is_the_services_trouble_only_if_it_is_the_same_user(
    look, tmp_path: Path, processes
) -> None:
    """As the service's own user: a finding. As somebody else: we cannot look."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o600)
    processes.set("it", pid=os.getpid())
    os.seteuid(65534)
    try:
        (found,) = await look(is_valid, Config(path=path))
        assert found.code == "config.unreadable"
        processes.set("it", pid=1)
        (found,) = await look(is_valid, Config(path=path), process=ProcessSpec(match="x"))
        assert found.status is Status.UNKNOWN
    finally:
        os.seteuid(0)


async def test_a_change_is_seen_and_an_unchanged_file_is_not_parsed_again(
    look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data is remembered while the file stays the same, and read anew when it does not."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    target = Config(path=path, required=("a",))
    await look(is_valid, target)
    with monkeypatch.context() as patch:
        patch.setattr("paramedic.packs.config.checks.parse", None)
        (found,) = await look(is_valid, target)
        assert found.status is Status.OK
    path.write_text("b: 1\n")
    (found,) = await look(is_valid, target)
    assert found.code == "config.missing-field"


def test_the_pack_declares_all_its_parts() -> None:
    """The kind wakes on its file and keeps it."""
    (kind,) = pack.kinds
    target = Config(path=Path("a.yaml"), schema=Path("s.json"))
    assert kind.files(target) == (Path("a.yaml"), Path("s.json"))
    assert kind.keeps(target) == (Path("a.yaml"),)
    parts = {"restore", "reset", "revert", "put", "reload-dependants"}
    assert {each.id.partition(".")[2] for each in pack.actions} == parts
