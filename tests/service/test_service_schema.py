"""What an editor is told of a service file."""

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from paramedic.sdk import Registry
from paramedic.service import json_schema
from service.kinds import REGISTRY
from service.test_service_loading import SAMPLE
from service.trial import one

GOOD = [
    SAMPLE,
    one(
        "interval: 5s\ntimeout: 2\nthresholds: {p95_ms: 1s}\nneed: optional\nprocess: {command: run --fast, port: '${PORT}'}"
    ),
    one("warm_up: 3m\nexpect: 200\nheaders: {Authorization: {file: token}, X: {env: KEY}}\nautonomy: '${LEVEL:-auto}'"),
    one() + "settings: {recovery_cooldown: 5m, log_max_bytes: 10MB, verify_times: 3}\nstore: sqlite:///x.db\n",
    one()
    + "autonomy: approve\nescalation: {security: 'mailto://a@b.org'}\nx-anything: [1]\nheartbeat: https://x.org\n",
    one("owner: {supervisord: api, options: [-c, supervisord.conf]}"),
    one("owner: {command: {start: ./up.sh, stop: [./down.sh, --now], status: pgrep shop}}"),
    "service: s\ncomponents: {a: {kind: vector, index: x, dimension: 3, source: {command: [a, b]}}}\n",
    "service: s\ncomponents: {a: {kind: process, pidfile: x}}\n",
]
BAD = [
    ("service: s\n", "components"),
    ("components: {a: {kind: tcp, host: h, port: 1}}\n", "service"),
    (one("criticality: hihg"), "hihg"),
    (one("urll: x"), "urll"),
    (one("host: x"), "host"),
    (one("interval: []"), "[]"),
    (one("process: {comand: x}"), "comand"),
    (one("owner: {sytemd: x}"), "sytemd"),
    (one("owner: {systemd: x, docker: y}"), "systemd"),
    (one("owner: {command: {start: x}}"), "stop"),
    (one("owner: {options: x}"), "systemd"),
    (one("method: PSOT"), "PSOT"),
    (one() + "objectves: {}\n", "objectves"),
    (one() + "settings: {nothing: 1}\n", "nothing"),
    (one() + "escalation: {L9: x}\n", "L9"),
    ("service: s\ncomponents: {}\n", "{}"),
    ("service: s\ncomponents: {a: {kind: nothing}}\n", "nothing"),
    ("service: s\ncomponents: {a: {kind: tcp, host: h}}\n", "port"),
    ("service: s\ncomponents: {a: {kind: vector, index: x, source: {sqlite: x, tabel: y}}}\n", "tabel"),
]


def complaints(text: str) -> str:
    """What a validator says of the file, all of it."""
    found: list[str] = []

    def gather(errors: Any) -> None:
        for error in errors:
            found.append(error.message)
            gather(error.context)

    gather(Draft202012Validator(json_schema(REGISTRY)).iter_errors(YAML(typ="safe", pure=True).load(text)))
    return "\n".join(found)


def test_it_is_a_schema_of_its_dialect() -> None:
    """The schema is valid itself, with and without kinds, and is made anew each time."""
    schema = json_schema(REGISTRY)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator.check_schema(json_schema(Registry(())))
    before = copy.deepcopy(schema)
    schema.clear()
    assert json_schema(REGISTRY) == before


@pytest.mark.parametrize("text", GOOD)
def test_a_good_file_is_not_underlined(text: str) -> None:
    """What loads must not look wrong in an editor."""
    assert complaints(text) == ""


@pytest.mark.parametrize(("text", "part"), BAD)
def test_a_bad_file_is_underlined(text: str, part: str) -> None:
    """An editor shows the mistake while it is typed."""
    assert part in complaints(text)


def test_it_teaches() -> None:
    """Keys are described by the docstrings of the fields they fill."""
    component = json_schema(REGISTRY)["$defs"]["component"]
    assert component["properties"]["depends_on"]["description"] == "Components that it cannot work without."
    assert component["properties"]["criticality"]["default"] == "medium"
    branch = next(each for each in component["allOf"] if each["if"]["properties"]["kind"]["const"] == "http")
    assert branch["then"]["properties"]["url"]["description"] == "Where it answers."
    assert branch["then"]["required"] == ["url"]
    process = component["properties"]["process"]["anyOf"][0]["properties"]
    assert process["match"]["description"] == "A regular expression over the command line."
    assert json_schema(REGISTRY)["properties"]["settings"]["properties"]["log_keep"]["description"]


def test_every_setting_is_described() -> None:
    """No setting without a word on what it is for."""
    settings = json_schema(REGISTRY)["properties"]["settings"]["properties"]
    assert [name for name, each in settings.items() if not each.get("description")] == []
