"""No file, however hostile, does anything but load or be refused with reasons."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic.model.errors import ConfigurationError
from service.test_service_loading import SAMPLE
from service.trial import Trial

EVERYTHING = f"""{SAMPLE}
settings: {{recovery_cooldown: 5m, log_max_bytes: 10MB, store: "sqlite:///x.db"}}
x-more: &more {{kind: http, url: "http://${{HOST:-localhost}}/"}}
playbooks: []
"""
FILES = int(os.environ.get("FUZZ_FILES", "500"))
"""A longer run: ``FUZZ_FILES=100000``, twenty minutes."""
ENVIRON = {"DATABASE_URL": "postgresql://u:password@h/d"}
_WORDS = [
    *"{}[]:,-&*!|>'\"%@`#?\\\t\n \0",
    *(
        "${",
        "${X}",
        "$${",
        "{file: x}",
        "{env: X}",
        "<<: *a",
        "&a",
        "*a",
        "---",
        "...",
        "!!str",
        "!!binary",
        "%YAML 1.1\n",
    ),
    *("service", "components", "kind", "http", "process", "depends_on", "null", "~", ".inf", ".nan", "-.inf", "1e999"),
    *(
        "0x",
        "0o9",
        "9" * 5000,
        "\ufeff",
        "\u2028",
        "\x85",
        "\ud7ff",
        "é",
        "😀",
        '"\\ud800"',
        '"\\U99999999"',
        "(?",
        "a" * 300,
    ),
]
_RELAXED = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def survives(trial: Trial, content: bytes) -> None:
    """It loads, or is refused with at least one reason that can be printed."""
    try:
        trial.load(content, ENVIRON)
    except ConfigurationError as refused:
        said = refused
    else:
        return
    assert said.problems
    assert str(said).encode()


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with a few accidents: bytes changed, lost, doubled, moved, words put in."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, to = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : min(to, at + 40)]
            case 2:
                data[at:at] = data[at : min(to, at + 200)]
            case 3:
                data[at:at] = chance.choice(_WORDS).encode("utf-8", "surrogatepass")
            case 4:
                del data[at:]
            case 5:
                data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
    return bytes(data)


@pytest.mark.timeout(60 + FILES // 20)
def test_damaged_files_are_refused_in_words(trial: Trial) -> None:
    """A good file with bytes changed, lost, doubled or put in never causes anything but a list of problems."""
    for seed in range(FILES):
        survives(trial, mutated(EVERYTHING.encode(), random.Random(seed)))


@_RELAXED
@given(st.lists(st.sampled_from(_WORDS), max_size=30).map("".join))
def test_rubbish_made_of_yaml_is_refused_in_words(trial: Trial, text: str) -> None:
    """Indicators, tags, anchors and impossible characters in any order."""
    survives(trial, text.encode("utf-8", "surrogatepass"))


@_RELAXED
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(trial: Trial, data: bytes) -> None:
    """A picture, an archive, a core dump."""
    survives(trial, data)


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.sampled_from(_WORDS)
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
_KEYS = [
    "service",
    "components",
    "objectives",
    "autonomy",
    "escalation",
    "playbooks",
    "settings",
    "store",
    "state_dir",
    "node",
]
_COMPONENT_KEYS = [
    "kind",
    "depends_on",
    "criticality",
    "need",
    "process",
    "owner",
    "interval",
    "thresholds",
    "url",
    "index",
]
_PROCESS = st.dictionaries(
    st.sampled_from(["command", "cwd", "env", "match", "port", "stop_signal", "ready_within"]), _TREES
)
_COMPONENT = st.dictionaries(st.sampled_from(_COMPONENT_KEYS), _TREES | _PROCESS).flatmap(
    lambda rest: st.sampled_from(["http", "vector", "tcp", "process", "files", "grumpy", "postgres", "speech"]).map(
        lambda kind: {"kind": kind, **rest}
    )
)


@_RELAXED
@given(st.dictionaries(st.sampled_from(_KEYS), _TREES), st.dictionaries(st.text(max_size=5), _COMPONENT, max_size=3))
def test_values_of_every_wrong_type_are_refused_in_words(trial: Trial, top: dict, components: dict) -> None:
    """Right keys with any values, at every level (JSON is YAML)."""
    import json

    survives(trial, json.dumps({**top, "components": components}).encode())
