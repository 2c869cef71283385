"""What a good service file comes to."""

import os
import time
from pathlib import Path

import pytest

from paramedic.model.component import Autonomy, Criticality, Need, Owner, Risk
from paramedic.model.errors import ConfigurationError
from paramedic.model.secret import Secret
from paramedic.model.service import Objective, Permit
from paramedic.service import find
from service.kinds import Http, SqliteSource, Vector
from service.trial import Trial, one

SAMPLE = """
service: shop-assistant
components:
  api:
    kind: http
    url: http://127.0.0.1:8000/health
    process: {command: [python, -m, shop.api], cwd: ., env: {PORT: "8000"}}
    depends_on: [db, memory, tools, llm]
    criticality: high
  db:     {kind: postgres, dsn: "${DATABASE_URL}", owner: {systemd: postgresql}}
  memory: {kind: vector, index: data/index.faiss, source: {sqlite: data/docs.db, table: chunks}}
  tools:  {kind: mcp, url: http://127.0.0.1:3001/mcp}
  llm:    {kind: llm, base_url: http://127.0.0.1:11434/v1, model: llama3.2}
objectives: {api: {availability: 99.9, latency_p95_ms: 1000}}
autonomy: {default: auto, max_risk: reversible}
escalation: {L2: ["mailto://ops:pass@example.org"], L3: ["slack://token/channel"]}
"""


def test_permits_are_given_by_name(trial: Trial) -> None:
    """Nothing is permitted by default; one may stand alone."""
    service = one()
    assert trial.load(service).permits == frozenset()
    assert trial.load(service + "\npermits: writes\n").permits == {Permit.WRITES}
    assert trial.load(service + "\npermits: [spends, writes]\n").permits == set(Permit)


def test_the_sample_of_the_architecture_loads_as_it_reads(trial: Trial) -> None:
    """The file that the design shows means what a reader takes it to mean."""
    service = trial.load(SAMPLE, {"DATABASE_URL": "postgresql://shop:open-sesame@db/shop"})
    api, db, memory = (service.components[name] for name in ("api", "db", "memory"))
    assert service.name == "shop-assistant"
    assert api.target == Http(url="http://127.0.0.1:8000/health")
    assert api.depends_on == ("db", "memory", "tools", "llm")
    assert api.criticality is Criticality.HIGH
    assert api.line == 4
    assert api.process is not None
    assert api.process.command == ("python", "-m", "shop.api")
    assert api.process.cwd == trial.folder
    assert api.process.env == {"PORT": "8000"}
    assert api.process.port == 8000
    assert db.owner == Owner(manager="systemd", unit="postgresql")
    assert memory.target == Vector(
        index=trial.folder / "data/index.faiss",
        source=SqliteSource(sqlite=trial.folder / "data/docs.db", table="chunks"),
    )
    assert service.objectives == {"api": Objective(availability=99.9, latency_p95_ms=1000)}
    assert (service.autonomy, service.max_risk) == (Autonomy.AUTO, Risk.REVERSIBLE)
    assert service.escalation == {"L2": ("mailto://ops:pass@example.org",), "L3": ("slack://token/channel",)}
    assert service.start_order()[-1] == "api"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5", 5),
        ("5s", 5),
        ("500ms", 0.5),
        ("2m", 120),
        ("1h", 3600),
        ("1.5m", 90),
        ('"30"', 30),
        ("1d", 86400),
        ("0x10", 16),
    ],
)
def test_durations_are_written_as_people_write_them(trial: Trial, written: str, seconds: float) -> None:
    """A bare number is seconds; units may follow."""
    assert trial.api(f"interval: {written}").components["api"].interval_s == seconds


def test_keys_of_every_component(trial: Trial) -> None:
    """What any kind takes arrives in the component."""
    api = trial.api(
        "need: optional\ntimeout: 2s\nthresholds: {p95_ms: 2s, rss_bytes: 1GiB, share: 0.5}\nautonomy: SUGGEST\nnode: a\n"
        "warm_up: 3m\nexpect: [200, 204]\nredirects: yes"
    ).components["api"]
    assert (api.need, api.timeout_s, api.autonomy, api.node) == (Need.OPTIONAL, 2, Autonomy.SUGGEST, "a")
    assert api.thresholds == {"p95_ms": 2000, "rss_bytes": 1024**3, "share": 0.5}
    assert api.target == Http(url="http://127.0.0.1:8000/health", warm_up_s=180, expect=(200, 204), redirects=True)


def test_one_value_stands_for_a_list_of_one(trial: Trial) -> None:
    """Nobody is made to write brackets around a single value."""
    service = trial.load(
        one("depends_on: db") + "  db: {kind: files, paths: data}\nescalation: {L2: https://x.org/h}\n"
    )
    assert service.components["api"].depends_on == ("db",)
    assert service.components["db"].target.paths == (trial.folder / "data",)
    assert service.escalation == {"L2": ("https://x.org/h",)}


def test_who_is_on_call_and_where_to_look(trial: Trial) -> None:
    """As written, by level and by name."""
    service = trial.load(one() + "\non_call: {L2: Ada, vendor: +49 30 1234}\ndashboards: {load: https://x.org/load}\n")
    assert service.on_call == {"L2": "Ada", "vendor": "+49 30 1234"}
    assert service.dashboards == {"load": "https://x.org/load"}


def test_autonomy_may_be_one_word(trial: Trial) -> None:
    """``autonomy: approve`` is enough."""
    assert trial.load(one() + "autonomy: approve\n").autonomy is Autonomy.APPROVE


def test_variables_are_filled_in_anywhere(trial: Trial) -> None:
    """Defaults hold where a variable is unset or empty, and ``$${`` is a plain ``${``."""
    service = trial.load(
        "service: ${NAME}\ncomponents:\n  api: {kind: http, url: 'http://${HOST:-localhost}:${PORT:-80}/$${x}${EMPTY:-}'}\n",
        {"NAME": "shop", "PORT": "81", "HOST": ""},
    )
    assert service.name == "shop"
    assert service.components["api"].target.url == "http://localhost:81/${x}"


def test_text_keeps_the_characters_it_was_written_with(trial: Trial) -> None:
    """A password of digits keeps its zeros, and a version its last one."""
    service = trial.api("process: {command: [run, 1.10], env: {A: 007, B: 1.10, C: true, D: no}}")
    process = service.components["api"].process
    assert process is not None
    assert process.command == ("run", "1.10")
    assert process.env == {"A": "007", "B": "1.10", "C": "true", "D": "no"}


def test_secrets_are_read_from_files_and_variables_and_are_remembered(trial: Trial) -> None:
    """What came from a secret place is a ``Secret`` where the kind takes one, and is known to the redactor."""
    (trial.folder / "key.txt").write_text("file-secret-1\n")
    service = trial.load(
        """
service: shop
components:
  llm: {kind: llm, base_url: 'http://h/v1', model: m, api_key: {file: key.txt}}
  db: {kind: postgres, dsn: 'postgres://u:pass%2Fword@h/d?sslpassword=x&token=query-secret'}
  api:
    kind: http
    url: http://h
    headers: {Authorization: 'Bearer ${API_TOKEN}', Accept: text/html}
    process: {command: run, env: {OPENAI_KEY: {env: THE_KEY}, PLAIN: text, MAX_TOKENS: 100}}
settings: {error_report_webhook: 'https://hooks.example.org/services/T00000000000000000'}
""",
        {"API_TOKEN": "env-secret-2", "THE_KEY": "env-secret-3"},
    )
    api, llm = service.components["api"], service.components["llm"]
    assert llm.target.api_key == Secret("file-secret-1")
    assert api.target.headers == {"Authorization": Secret("Bearer env-secret-2"), "Accept": "text/html"}
    assert api.process is not None
    assert api.process.env == {"OPENAI_KEY": Secret("env-secret-3"), "PLAIN": "text", "MAX_TOKENS": "100"}
    assert {"file-secret-1", "env-secret-2", "env-secret-3", "query-secret"} <= set(service.secrets)
    assert {"pass%2Fword", "pass/word", "T00000000000000000"} <= set(service.secrets)
    assert not {"text/html", "text", "100"} & set(service.secrets)
    assert "-secret-" not in repr(service.components)


@pytest.mark.parametrize(
    ("address", "keys"),
    [
        ("opsgenie://a1b2c3d4-1111-4222-8333-944455556666", ("a1b2c3d4-1111-4222-8333-944455556666",)),
        ("pagerduty://A1BRTD4JD@TIiajkdnlazkcOXrIdevi7F", ("A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7F")),
        ("pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8", ("uQiRzpo4DXghDmr9QzzfQu27cmVRsG", "azGDORePK8")),
        ("ntfys://tk_abc123def@ntfy.sh/alerts", ("tk_abc123def",)),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ("T1JJ3T3L2", "A1BRTD4JD")),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", ("123456789", "abcdefg_hijklmnop")),
        ("json://anna:hook5ecret9@collector/p", ("hook5ecret9",)),
        ("https://hooks.zapier.com/hooks/catch/abcdef1/", ("abcdef1",)),
        ("mailto://anna@shop.example?to=team@shop.example", ()),
    ],
)
def test_keys_in_addresses_of_escalation_are_secrets(trial: Trial, address: str, keys: tuple[str, ...]) -> None:
    """Wherever in its address a service takes its key; hosts, names and words stay readable."""
    secrets = trial.load(f"{one()}escalation: {{L2: '{address}'}}\n").secrets
    assert set(keys) <= set(secrets)
    assert not {"ntfy.sh", "alerts", "anna", "collector", "hooks", "catch", "shop.example"} & set(secrets)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python -m shop.api", ("python", "-m", "shop.api")),
        ("'sh -c \"a | b\"'", ("sh", "-c", "a | b")),
        ("'run --text \"two words\" a\\ b'", ("run", "--text", "two words", "a b")),
        ("[run, 'a | b', 3]", ("run", "a | b", "3")),
        ("grep '$HOME'", ("grep", "$HOME")),
    ],
)
def test_a_command_is_split_into_words_without_a_shell(trial: Trial, command: str, words: tuple[str, ...]) -> None:
    """A line is split by quotes and blanks; what is quoted stays as it is."""
    process = trial.api(f"process:\n  command: {command}").components["api"].process
    assert process is not None
    assert process.command == words


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://localhost:81", 81),
        ("http://127.0.0.9:82", 82),
        ("http://[::1]:83", 83),
        ("http://0.0.0.0:84", 84),
        ("http://example.org:85", None),
        ("http://10.0.0.1:86", None),
    ],
)
def test_the_port_of_a_process_comes_from_an_address_on_this_machine(trial: Trial, url: str, port: int | None) -> None:
    """A started process must be able to listen where its component is asked, if that is here."""
    service = trial.load(f"service: s\ncomponents: {{a: {{kind: http, url: '{url}', process: {{command: run}}}}}}\n")
    process = service.components["a"].process
    assert process is not None
    assert process.port == port


def test_a_process_of_its_own_kind(trial: Trial) -> None:
    """The kind ``process`` says at its top level how a process is recognised."""
    service = trial.load(
        "service: s\ncomponents:\n  a: {kind: process, pidfile: run/a.pid}\n  b: {kind: process, match: '^celery'}\n"
        "  c: {kind: process, process: {command: run, stop_signal: int, stop_timeout: 1m, ready_within: 500ms, port: 9}}\n"
    )
    a, b, c = (service.components[name].process for name in "abc")
    assert a is not None
    assert b is not None
    assert c is not None
    assert a.pidfile == trial.folder / "run/a.pid"
    assert b.match == "^celery"
    assert (c.stop_signal, c.stop_timeout_s, c.ready_within_s, c.port) == ("SIGINT", 60, 0.5, 9)
    assert not a.is_managed
    assert c.is_managed


def test_anchors_merges_and_keys_of_ones_own(trial: Trial) -> None:
    """Repetition may be avoided by YAML's own means, with ``x-`` keys as the place for it."""
    service = trial.load(
        "x-web: &web {kind: http, criticality: low}\nservice: s\ncomponents:\n"
        "  a: {<<: *web, url: 'http://a'}\n  b: {<<: [*web], url: 'http://b', criticality: high}\n"
    )
    assert [each.criticality for each in service.components.values()] == [Criticality.LOW, Criticality.HIGH]


def test_playbooks_beside_the_file_are_taken(trial: Trial) -> None:
    """A folder named ``playbooks`` needs no mention; a named one must be there."""
    assert trial.api("").playbook_dirs == ()
    (trial.folder / "playbooks").mkdir()
    assert trial.api("").playbook_dirs == (trial.folder / "playbooks",)
    (trial.folder / "own").mkdir()
    assert trial.load(one() + "playbooks: [own]\n").playbook_dirs == (trial.folder / "own",)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(trial: Trial) -> None:
    """Files from other machines work."""
    assert trial.load(b"\xef\xbb\xbf" + one().replace("\n", "\r\n").encode()).name == "shop"


def test_two_hundred_components_load_in_well_under_a_second(trial: Trial) -> None:
    """Starting and reloading stay instant; the bound leaves room for a busy machine."""
    text = "service: s\ncomponents:\n" + "".join(
        f"  c{index}:\n    kind: http\n    url: http://127.0.0.1:{8000 + index}/\n    criticality: high\n"
        f"    interval: 5s\n    process: {{command: [python, -m, shop], env: {{PORT: '{index}'}}}}\n"
        f"    depends_on: [{f'c{index + 1}' if index < 199 else ''}]\n"
        for index in range(200)
    )
    trial.load(one())
    began = time.process_time()
    assert len(trial.load(text).components) == 200
    assert time.process_time() - began < 1


def test_find_looks_upward_and_honours_the_variable(tmp_path: Path) -> None:
    """The nearest file wins, ``PARAMEDIC_FILE`` over all; where there is none the message teaches."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "paramedic.yml").write_text("")
    assert find(inner, {}) == tmp_path / "paramedic.yml"
    (tmp_path / "a" / "paramedic.yaml").write_text("")
    assert find(inner, {}) == tmp_path / "a" / "paramedic.yaml"
    assert find(inner, {"PARAMEDIC_FILE": "../../paramedic.yml"}).samefile(tmp_path / "paramedic.yml")
    with pytest.raises(ConfigurationError, match=r"PARAMEDIC_FILE names `gone\.yaml`, which does not exist"):
        find(inner, {"PARAMEDIC_FILE": "gone.yaml"})


def test_no_file_at_all_is_explained(tmp_path: Path) -> None:
    """A newcomer learns what to write and where."""
    if any(os.path.lexists(folder / "paramedic.yaml") for folder in tmp_path.parents):
        pytest.fail("a stray paramedic.yaml lies above the temporary folder")
    with pytest.raises(ConfigurationError, match=r"no `paramedic\.yaml` or `paramedic\.yml` in") as raised:
        find(tmp_path, {})
    assert "service: shop" in str(raised.value)


def test_an_owner_with_options_and_one_of_commands(trial: Trial) -> None:
    """Words before the verb stay words; a line of text is split into them and never given to a shell."""
    first = trial.load(one("owner: {supervisord: api, options: [-c, supervisord.conf]}")).components["api"].owner
    assert first == Owner(manager="supervisord", unit="api", options=("-c", "supervisord.conf"))
    second = trial.load(one("owner: {command: {start: ./up.sh --now, stop: [down]}}")).components["api"].owner
    assert second == Owner(manager="command", commands={"start": ("./up.sh", "--now"), "stop": ("down",)})
