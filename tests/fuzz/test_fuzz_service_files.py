"""Hostile service files load or are refused in words; a secret in them, or in the environment, is not repeated."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.accidents import GUIDED, INPUTS, PLANTED, battered, leaks, watched
from paramedic.model.errors import ConfigurationError
from paramedic.model.wire import dump
from paramedic.report import Redactor
from paramedic.sdk import load_packs
from paramedic.service import load

FILE = f"""\
service: shop
components:
  api:
    kind: http
    url: http://127.0.0.1:8000/health
    headers: {{Authorization: "Bearer ${{API_TOKEN}}", X-Api-Key: {PLANTED["key"]}}}
    expect_json: {{status: ok}}
    process:
      command: [python, -m, shop.api, "8000"]
      env: {{DATABASE_URL: "${{DATABASE_URL}}", API_PASSWORD: {PLANTED["password"]}}}
      stop_timeout: 5s
    depends_on: [db, settings, queue]
    criticality: high
    thresholds: {{latency_ms: 800}}
  db: &db {{kind: sqlite, path: data/shop.db, tables: [orders], busy_timeout: 2s}}
  other-db: {{<<: *db, path: data/other.db}}
  queue: {{kind: tcp, host: 127.0.0.1, port: 5672, need: recommended, interval: 30s}}
  settings:
    kind: config
    path: config/shop.yaml
    required: [database_url]
    rules: {{vector_dimension: {{min: 1, max: 4096}}}}
  worker: {{kind: process, process: {{match: "shop.worker"}}, owner: {{systemd: shop-worker}}}}
  host: {{kind: host}}
objectives: {{api: {{availability: 99.9, latency_p95_ms: 1000}}}}
autonomy: {{default: auto, max_risk: reversible}}
escalation: {{L2: ["https://example.org/hook?token={PLANTED["token"]}"]}}
settings: {{recovery_cooldown: 5m, log_max_bytes: 10MB, store: "sqlite:///x.db"}}
""".encode()
ENVIRON = {
    "API_TOKEN": PLANTED["token"],
    "DATABASE_URL": f"postgresql://ops:{PLANTED['password']}@127.0.0.1/shop",
    "PATH": "/usr/bin",
}
_KEYS = [
    *("service", "components", "kind", "url", "headers", "process", "command", "env", "depends_on", "thresholds", "path"),
    *("rules", "settings", "store", "autonomy", "escalation", "objectives", "owner", "interval", "need", "port", "<<"),
]  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from([*_KEYS, *load_packs().kinds, "${DATABASE_URL}", "${API_TOKEN:-x}", "5m", "http://h:99999/"]),
)  # fmt: skip
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=6), inner),
    max_leaves=12,
)


def tried(folder: Path, content: bytes) -> str:
    """What a person is shown of a file: what it comes to, or everything that is wrong with it."""
    path = folder / "paramedic.yaml"
    path.write_bytes(content)
    with watched():
        try:
            service = load(path, load_packs(), ENVIRON)
        except ConfigurationError as refused:
            problems = refused.problems
        else:
            shown = dump(service)
            del shown["secrets"]
            return json.dumps(Redactor(service.secrets).data(shown))
    assert problems
    said = "\n".join(map(str, problems)) + json.dumps(dump(problems))
    said.encode()
    return said


def in_secret_places(content: bytes) -> list[str]:
    """The secrets that a damaged file still gives where they are known as such: from the environment, or by shape."""
    return list(PLANTED.values()) if PLANTED["password"].encode() not in content else [PLANTED["token"], PLANTED["key"]]


@pytest.mark.timeout(120 + INPUTS // 4)
def test_battered_service_files(tmp_path: Path):
    """Bytes changed, lost, doubled, moved or put in cause nothing but a list of problems."""
    for seed in range(INPUTS):
        content = battered(FILE, random.Random(seed))
        assert leaks(tried(tmp_path, content), in_secret_places(content)) == [], seed


@pytest.mark.parametrize("address", ["${DATABASE_URL}", "postgresql://ops:hunter2-Zx81-plAnted@127.0.0.1/shop"])
@pytest.mark.parametrize("place", ["escalation", "settings", "components", "autonomy", "objectives", "permits"])
def test_an_address_in_the_wrong_place_keeps_its_password(tmp_path: Path, place: str, address: str):
    """Whether it comes from the environment or stands there."""
    said = tried(tmp_path, json.dumps({"service": "shop", place: address}).encode())
    assert f"`{place}` is " in said
    assert leaks(said) == []


@pytest.mark.timeout(120 + INPUTS)
@settings(
    max_examples=GUIDED, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(st.sampled_from(_KEYS), _TREES),
    st.dictionaries(st.text(max_size=5), st.dictionaries(st.sampled_from(_KEYS), _TREES), max_size=3),
)
def test_values_of_every_wrong_kind(tmp_path: Path, top: dict, components: dict):
    """Right keys with any values at every level."""
    text = json.dumps({"service": "shop", **top, "components": components})
    assert leaks(tried(tmp_path, text.encode())) == []
