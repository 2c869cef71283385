"""What is said of a wrong service file: everything at once, each with its place."""

import os
from pathlib import Path

import pytest

from paramedic.model.errors import ConfigurationError
from paramedic.service import load
from service.kinds import REGISTRY
from service.trial import Trial, one

# Each row: what is wrong (text after one good component), the line, and parts of what must be said of it.
CASES = [
    (
        "unknown key",
        "criticalty: high",
        6,
        ("unknown key `criticalty` in `components.api`", "did you mean `criticality`?"),
    ),
    ("key of the kind", "urll: x", 6, ("unknown key `urll`", "did you mean `url`?")),
    ("word", "criticality: hihg", 6, ("`components.api.criticality` is `hihg`", "`high`", "did you mean `high`?")),
    ("word of a kind", "method: PSOT", 6, ("`components.api.method` is `PSOT`", "expected `GET` or `HEAD`")),
    ("autonomy", "autonomy: autto", 6, ("`autto`", "did you mean `auto`?")),
    ("duration", "interval: soon", 6, ("`components.api.interval` is `soon`", "a duration such as")),
    ("unit", "interval: 5 parsecs", 6, ("`5 parsecs`", "a duration such as")),
    ("no time", "timeout: 0", 6, ("`components.api.timeout` is 0", "more than no time")),
    ("infinite", "timeout: .inf", 6, ("`.inf`", "a finite number")),
    ("number", "expect: [200, many]", 6, ("`components.api.expect[1]` is `many`", "a whole number")),
    ("truth", "redirects: maybe", 6, ("`components.api.redirects` is `maybe`", "`true` or `false`")),
    ("list for text", "node: [a, b]", 6, ("`components.api.node` is a list", "expected text")),
    ("mapping for list", "depends_on: {a: b}", 6, ("`components.api.depends_on` is a mapping", "expected a list")),
    ("unknown dependency", "depends_on: [apy]", 6, ("depends on `apy`, which is no component",)),
    ("itself", "depends_on: [api]", 6, ("`api` depends on itself",)),
    ("threshold", "thresholds: {p95_ms: much}", 6, ("`components.api.thresholds.p95_ms` is `much`", "milliseconds")),
    ("process as text", "process: run", 6, ("`components.api.process` is `run`", "write `process: {command: …}`")),
    ("no process", "process: {port: 80}", 6, ("names no process", "`command`, `pidfile` or `match`")),
    ("empty command", "process: {command: []}", 6, ("`components.api.process.command` is empty",)),
    (
        "shell",
        "process: {command: a | b}",
        6,
        ("holds `|`, which only a shell understands", "put the line into a script"),
    ),
    ("shell and", "process: {command: a && b}", 6, ("holds `&&`",)),
    ("shell into", "process: {command: 'a > log'}", 6, ("holds `>`",)),
    ("shell then", "process: {command: a; b}", 6, ("holds `;`",)),
    ("backtick", "process: {command: 'a `b`'}", 6, ("holds a backtick",)),
    ("substitution", "process: {command: 'a \"$(b)\"'}", 6, ("holds `$(`",)),
    ("quote", "process: {command: 'a \"b'}", 6, ("a quote that is never closed",)),
    ("pattern", "process: {match: '('}", 6, ("is no regular expression",)),
    ("signal", "process: {command: a, stop_signal: SIGTREM}", 6, ("`SIGTREM`", "did you mean `SIGTERM`?")),
    ("port", "process: {command: a, port: 70000}", 6, ("`70000`", "a port from 1 to 65535")),
    ("key of process", "process: {comand: a}", 6, ("unknown key `comand` in `components.api.process`", "`command`?")),
    ("manager", "owner: {sytemd: x}", 6, ("unknown key `sytemd`", "did you mean `systemd`?")),
    ("two owners", "owner: {systemd: x, docker: y}", 6, ("`components.api.owner` has 2 keys",)),
    ("no owner", "owner: {options: [-c, x]}", 6, ("`components.api.owner` has 0 keys",)),
    ("an option as unit", "owner: {docker: --privileged}", 6, ("reads like an option", "`options`")),
    ("no unit", "owner: {docker: ''}", 6, ("names no unit",)),
    (
        "owner's command",
        "owner: {command: {start: a, stop: 'a | b'}}",
        6,
        ("`components.api.owner.command.stop` holds `|`",),
    ),
    ("owner without stop", "owner: {command: {start: a}}", 6, ("`stop` is missing in `components.api.owner.command`",)),
    ("owner's verb", "owner: {command: {strat: a}}", 6, ("unknown key `strat`", "did you mean `start`?")),
    ("variable", "node: '${NOWHERE}'", 6, ("the environment variable `NOWHERE` is not set", "${NOWHERE:-default}")),
    ("open variable", "node: '${NOWHERE'", 6, ("cannot be understood", "`${NAME}` or `${NAME:-default}`")),
    ("nested variable", "node: '${A:-${B}}'", 6, ("cannot be understood",)),
    ("secret variable", "headers: {X: {env: NO_SUCH}}", 6, ("the environment variable `NO_SUCH` is not set",)),
    ("secret file", "headers: {X: {file: gone}}", 6, ("the secret file `gone` does not exist",)),
    ("twice", "need: optional\nneed: required", 7, ("the key `need` stands here twice, first on line 6",)),
    ("two names", "timeout: 1\ntimeout_s: 2", 7, ("`timeout_s` says the same as `timeout`",)),
    ("tag", "node: !!python/object:os.system x", 6, ("the tag", "is not supported")),
    ("anchor", "node: *nobody", 6, ("`*nobody` refers to an anchor that is not defined above",)),
    ("itself within", "headers: &a {x: *a}", 6, ("refers to what it stands in",)),
    ("merge", "<<: text", 6, ("`<<` merges `text`",)),
    ("NUL", 'node: "a\\0b"', 6, ("a character that no text may hold",)),
    ("surrogate", 'node: "\\ud800"', 6, ("a character that no text may hold",)),
]

TOP = [
    ("top key", "objctives: {}", ("unknown key `objctives`", "did you mean `objectives`?")),
    ("objective", "objectives: {apii: {availability: 99}}", ("names `apii`, which is no component", "`api`?")),
    ("objective's key", "objectives: {api: {availabilty: 99}}", ("unknown key `availabilty`", "`availability`?")),
    ("percent", "objectives: {api: {availability: 200}}", ("`objectives.api.availability` is 200", "at most 100")),
    ("level", "escalation: {L9: https://x.org/y}", ("unknown key `L9` in `escalation`", "`L1`, `L2`, `L3`, `L4`")),
    ("address", "escalation: {L2: ops}", ("holds `ops`, which is no address", "`mailto://…`")),
    ("mail", "escalation: {L2: 'mailto:a@b.org'}", ("write `mailto://a@b.org`",)),
    ("on call", "on_call: {L9: Ada}", ("`L9`", "`L2`")),
    ("dashboard", "dashboards: {load: x.org}", ("`dashboards.load` is `x.org`", "such as `https://…`")),
    ("autonomy", "autonomy: {default: autto}", ("`autonomy.default` is `autto`", "did you mean `auto`?")),
    ("risk", "autonomy: {max_risk: wild}", ("`autonomy.max_risk` is `wild`", "`disruptive`")),
    ("setting", "settings: {recovery_cooldwn: 3}", ("unknown key `recovery_cooldwn`", "`recovery_cooldown`?")),
    ("setting's value", "settings: {verify_times: 0}", ("`settings.verify_times` is `0`", "at least 1")),
    ("size", "settings: {log_max_bytes: 10XB}", ("`settings.log_max_bytes` is `10XB`", "a size such as")),
    ("store", "store: mysql://x/y", ("`store` is `mysql://x/y`", "`sqlite:///FILE`")),
    ("heartbeat", "heartbeat: ftp://x", ("`heartbeat` is `ftp://x`", "`https://example.org/…`")),
    ("playbooks", "playbooks: [nowhere]", ("the playbook folder", "does not exist")),
    (
        "both",
        "store: sqlite:///a.db\nsettings: {store: 'sqlite:///b.db'}",
        ("`store` says the same as `settings.store`",),
    ),
]


@pytest.mark.parametrize(("_what", "keys", "line", "said"), CASES, ids=[each[0] for each in CASES])
def test_a_mistake_in_a_component_is_told(
    trial: Trial, _what: str, keys: str, line: int, said: tuple[str, ...]
) -> None:
    """The file, the line, what stands there, what was expected and what was probably meant."""
    problem = next(each for each in trial.problems(one(keys)) if said[0] in str(each))
    assert (problem.path, problem.line) == (trial.path, line)
    assert all(each in str(problem) for each in said), str(problem)


@pytest.mark.parametrize(("_what", "keys", "said"), TOP, ids=[each[0] for each in TOP])
def test_a_mistake_at_the_top_is_told(trial: Trial, _what: str, keys: str, said: tuple[str, ...]) -> None:
    """Objectives, escalation, autonomy and settings are judged as closely as components."""
    (problem,) = trial.problems(f"{one()}{keys}\n")
    assert (problem.path, problem.line) == (trial.path, 6)
    assert all(each in str(problem) for each in said), str(problem)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 1, "the file is empty"),
        (b"\n# only words\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "the file is a list, expected a mapping"),
        (b"just text\n", 1, "the file is `just text`, expected a mapping"),
        (b"service: s\n", 1, "`components` is missing"),
        (b"components: {}\n", 1, "`service` is missing"),
        (b"service: s\ncomponents: {}\n", 2, "names no component"),
        (b"service: s\ncomponents: [a]\n", 2, "`components` is a list, expected a mapping"),
        (b"service: s\ncomponents: {a: b}\n", 2, "`components.a` is `b`, expected a mapping"),
        (b"service: s\ncomponents: {a: {}}\n", 2, "`kind` is missing in `components.a`"),
        (b"service: s\ncomponents: {a/b: {kind: tcp, host: x, port: 1}}\n", 2, "`a/b` cannot name a component"),
        (b"service: s\ncomponents: {a: {kind: tpc}}\n", 2, "did you mean `tcp`?"),
        (b"service: s\ncomponents: {a: {kind: xyz}}\n", 2, "the packs `speech` could not be loaded"),
        (b"service: s\ncomponents: {a: {kind: speech}}\n", 2, "could not be loaded: ModuleNotFoundError"),
        (b"service: s\ncomponents: {a: {kind: tcp, host: x}}\n", 2, "`port` is missing in `components.a`"),
        (b"service: s\ncomponents: {a: {kind: process}}\n", 2, "names no process"),
        (b"service: s\ncomponents: {a: {kind: grumpy, mood: joy}}\n", 2, "RuntimeError: no joy today"),
        (b"service: s\ncomponents: {a: {kind: http, url: x}}\n", 2, "expected an address such as"),
        (b"service: s\ncomponents: {a: {kind: vector, index: x, dimension: -5}}\n", 2, "is `-5`, expected at least 1"),
        (b"service: s\ncomponents: {a: {kind: vector, index: x, source: {sqlit: y}}}\n", 2, "did you mean `sqlite`?"),
        (b"service: s\n\tcomponents: {}\n", 2, "a tab where only spaces may stand"),
        (b"service: s\ncomponents: {a: [}\n", 2, "not YAML: a value is missing before `}`, in column 18"),
        (b"service: s\nx-a: [b}\n", 2, "not YAML: `}` where `,` or `]` belongs, in column 8"),
        (b"service: 'open\n", 2, "a quote that is never closed, in what began on line 1"),
        (b"service: a: b\n", 1, "a second `:` on one line"),
        (b"service: s\ncomponents: {a: {url: ${URL}}}\n", 2, "a variable within `{…}` or `[…]` needs quotes"),
        (b"service: @s\n", 1, "a value may not begin with `@`"),
        (b"service: s\n---\nservice: t\n", 2, "a second YAML document begins here"),
        (b"service: s\n? {a: b}\n: c\n", 2, "a mapping stands where a key belongs"),
        (b"service: caf\xe9\n", 1, "not UTF-8: the byte 0xe9 at offset 12 (probably ISO-8859-1)"),
        (b"service: s\nx-y: \x93hi\x94\n", 2, "at offset 16 (probably Windows-1252)"),
        ("service: s\n".encode("utf-16"), None, "encoded as UTF-16"),
        ("service: schön\n".encode("utf-16-le"), 1, "probably UTF-16"),
        (b"service: a\x07b\n", 1, "the control character `\\x07` in column 11"),
        (b"service: s\x00\n", 1, "the control character"),
        (b"\x7fELF\x02\x01\x00\xff\xfe\x00", 1, "not UTF-8"),
        (b"a: " * 2, 1, "not YAML"),
        (b"service: s\n" + b"!" * 1_000_000, 2, "the tag"),
        (b"[" * 100_000, 1, "nested more than 40 levels deep"),
        (b"x: &a [1]\n" + b"".join(b"y%d: [*a]\n" % i for i in range(3)), 1, "`service` is missing"),
    ],
)
def test_a_file_that_is_none_is_told(trial: Trial, content: bytes, line: int | None, said: str) -> None:
    """Whatever lies there instead of a service file, the first look says what it is and where."""
    found = [each for each in trial.problems(content) if said in str(each)]
    assert found, trial.problems(content)
    assert (found[0].path, found[0].line) == (trial.path, line)


def test_every_mistake_is_told_at_once(trial: Trial) -> None:
    """One run is enough to know all that must be changed, the environment's mistakes included."""
    problems = trial.problems(
        "service: [x]\ncompnents: {}\ncomponents:\n  a: {kind: htpp, need: requird}\n"
        "  b: {kind: tcp, host: '${NO_HOST}', port: '${NO_PORT}', depends_on: [c, d]}\n"
        "  c: {kind: tcp, host: x, port: 1, depends_on: b}\n"
        "  e: {kind: http, url: x, process: {command: a|b, match: '(', port: 0, env: {'': x}}}\n",
        {"MAX_RECOVERY_ATTEMPTS": "lots", "PARAMEDIC_NODE": " "},
    )
    text = "\n".join(map(str, problems))
    for said in (
        "`MAX_RECOVERY_ATTEMPTS` is `lots`",
        "`PARAMEDIC_NODE` is",
        "`service` is a list",
        "did you mean `components`?",
        "did you mean `http`?",
        "did you mean `required`?",
        "`NO_HOST` is not set",
        "`NO_PORT` is not set",
        "in a circle: `b` -> `c` -> `b`",
        "`b` depends on `d`",
        "only a shell",
        "no regular expression",
        "a port from 1",
        "the name of a variable",
        "`url` is `x`",
    ):
        assert said in text, said
    assert [each.line or 0 for each in problems] == sorted(each.line or 0 for each in problems)


def test_every_circle_is_named(trial: Trial) -> None:
    """Two circles are two problems, each with its way round."""
    rows = {"a": "b", "b": "c", "c": "a", "d": "e", "e": "d"}
    text = "".join(f"  {name}: {{kind: tcp, host: x, port: 1, depends_on: {on}}}\n" for name, on in rows.items())
    said = [each.message for each in trial.problems(f"service: s\ncomponents:\n{text}")]
    assert said == [
        "components depend on each other in a circle: `a` -> `b` -> `c` -> `a`",
        "components depend on each other in a circle: `d` -> `e` -> `d`",
    ]


def test_a_group_has_a_name_of_its_own(trial: Trial) -> None:
    """Or nobody could tell which of the two an order means."""
    keys = "kind: tcp, host: x, port: 1"
    problems = trial.problems(f"service: s\ncomponents:\n  a: {{{keys}, group: b}}\n  b: {{{keys}}}\n")
    assert [(each.line, each.message) for each in problems] == [
        (3, "`components.a.group` is `b`, which is a component")
    ]


def test_every_line_with_a_tab_is_told(trial: Trial) -> None:
    """An editor that writes tabs does so on many lines."""
    problems = trial.problems("service: s\ncomponents:\n\ta:\n\t\tkind: tcp\n")
    assert [each.line for each in problems] == [3, 4]


def test_aliases_cannot_blow_the_file_up(trial: Trial) -> None:
    """A few lines that stand for billions of values are refused at once."""
    bomb = "x-a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" + "".join(
        f"x-{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    (problem,) = trial.problems(bomb + one())
    assert "more than 50,000 values once aliases are written out" in problem.message


def test_no_secret_stands_in_a_message(trial: Trial) -> None:
    """Even where a pack puts the value that it refuses into its own words."""
    text = str(
        trial.problems(
            "service: s\ncomponents:\n  a: {kind: http, url: '${API_TOKEN}'}\n"
            "  b: {kind: grumpy, mood: '${THE_PASSWORD}'}\n  c: {kind: postgres, dsn: [x], password: hunter2hunter2}\n"
            "  d: {kind: http, url: 'http://h', expect: '${API_TOKEN}', headers: {token: [tok-en]}}\n",
            {"API_TOKEN": "s3cr3t-token", "THE_PASSWORD": "s3cr3t-password"},
        )
    )
    assert "s3cr3t" not in text
    assert "[redacted]" in text


def test_what_looks_like_a_key_stands_in_no_message(trial: Trial) -> None:
    """A damaged file puts it where nobody expects one."""
    text = str(trial.problems("service: s\ncomponents:\n  a: sk-proj-abcdefGHIJKL0123456789mnopQRST} ex\n"))
    assert "sk-proj" not in text
    assert "`[redacted]} ex`" in text


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "the file does not exist"),
        (lambda path: path.mkdir(), "the file is a directory"),
        (os.mkfifo, "a device, socket or pipe"),
        (lambda path: path.symlink_to(path), "cannot be read: too many levels of symbolic links"),
        (lambda path: path.write_bytes(b"# " + b"x" * 1024 * 1024), "larger than 1 MiB"),
    ],
)
def test_a_path_without_a_readable_file_is_told(tmp_path: Path, make: object, said: str) -> None:
    """Nothing hangs and nothing crashes, whatever lies at the path."""
    path = tmp_path / "paramedic.yaml"
    make(path)
    with pytest.raises(ConfigurationError) as raised:
        load(path, REGISTRY, {})
    assert said in str(raised.value)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """As root nothing is unreadable, so the right is given up in a child process first."""
    path = tmp_path / "paramedic.yaml"
    path.write_text(one())
    path.chmod(0)
    tmp_path.chmod(0o755)
    child = os.fork()
    if child == 0:  # the child judges and says by its exit code what it saw
        try:
            if os.getuid() == 0:
                for folder in (tmp_path.parent, tmp_path.parent.parent):
                    folder.chmod(0o755)
                os.setuid(65534)
            load(path, REGISTRY, {})
        except ConfigurationError as error:
            os._exit(0 if "the file may not be read" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_path_with_impossible_characters_is_told(tmp_path: Path) -> None:
    """A NUL in a path is a mistake like any other."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "a\0b", REGISTRY, {})


def test_a_secret_file_may_be_as_wrong_as_any(trial: Trial) -> None:
    """Directories, other encodings, emptiness: each is told, with the line that names the file."""
    (trial.folder / "dir").mkdir()
    (trial.folder / "latin").write_bytes(b"p\xe4ss")
    (trial.folder / "empty").write_bytes(b"\n")
    (trial.folder / "binary").write_bytes(b"a\0b")
    keys = ", ".join(f"{name}: {{file: {name}}}" for name in ("dir", "latin", "empty", "binary"))
    problems = trial.problems(one(f"headers: {{{keys}}}"))
    said = [each.message for each in problems]
    assert len(said) == 4
    assert all(each.line == 6 for each in problems)
    for part in ("`dir` is a directory", "`latin` is not UTF-8", "`empty` is empty", "`binary` holds no text"):
        assert any(part in each for each in said), part


def test_a_variable_that_stands_in_the_settings_beside(tmp_path: Path) -> None:
    """`.env` belongs to the service and is not read; the hint says so, and how to have it read. Its value is not told."""
    (tmp_path / ".env").write_text("X=1\nexport REDIS_URL=redis://:topsecret1@localhost/0\n")
    text = "service: s\ncomponents: {a: {kind: http, url: '${REDIS_URL}'}, b: {kind: http, url: '${REDIS}'}}\n"
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "paramedic.yaml", REGISTRY, {}, text=text)
    first, second = caught.value.problems
    assert first.message == "the environment variable `REDIS_URL` is not set"
    assert "`.env` beside it sets it" in (first.hint or "")
    assert "set -a; . ./.env; set +a" in (first.hint or "")
    assert "beside" not in (second.hint or "")
    assert "topsecret1" not in str(caught.value)
