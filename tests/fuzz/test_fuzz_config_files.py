"""Hostile configuration files of a service are judged in words, in time, and without repeating their secrets."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.accidents import GUIDED, INPUTS, PLANTED, battered, leaks, watched
from fuzz.runs import STYLES, Bench, crashed, spec

SERVICE = """\
service: shop
components:
  yaml: &common
    kind: config
    path: shop.yaml
    required: [database_url, model.name]
    rules:
      vector_dimension: {type: integer, min: 1, max: 4096}
      model.name: {pattern: "[a-z0-9.:-]+", not_empty: true}
      servers: {min_items: 1}
      database_url: {schemes: [postgresql, sqlite]}
  json: {<<: *common, path: shop.json}
  toml: {<<: *common, path: shop.toml, schema: schema.json}
  env: {kind: config, path: .env, variables: [DATABASE_URL, API_TOKEN], required: [MODE]}
"""
SCHEMA = {
    "type": "object",
    "required": ["database_url"],
    "properties": {
        "vector_dimension": {"type": "integer", "minimum": 1},
        "servers": {"type": "array", "items": {"type": "string", "pattern": "^https?://"}},
        "model": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
    },
}
P = PLANTED
FILES = {
    "yaml": f"""\
# the shop
database_url: postgresql://ops:{P["password"]}@127.0.0.1/shop
vector_dimension: 384
model: &model {{name: "llama3.2:1b", temperature: 0.2, api_key: {P["key"]}}}
other: {{<<: *model, name: tiny}}
servers:
  - http://127.0.0.1:3001/mcp
  - "http://127.0.0.1:3002/mcp?token={P["token"]}"
prompt: |
  You are kind.
    Indented: yes
nested: {{a: [1, [2, {{b: !custom x}}]], date: 2026-02-28, n: .inf}}
""",
    "json": json.dumps(
        {
            "database_url": f"postgresql://ops:{P['password']}@127.0.0.1/shop",
            "vector_dimension": 384,
            "model": {"name": "llama3.2:1b", "api_key": P["key"], "temperature": 1e-3},
            "servers": ["http://127.0.0.1:3001/mcp", {"token": P["token"]}],
            "text": 'é \u2028 \\ " / \t',
        },
        indent=1,
    ),
    "toml": f"""\
database_url = "postgresql://ops:{P["password"]}@127.0.0.1/shop"
vector_dimension = 384
servers = ["http://127.0.0.1:3001/mcp"]
started = 2026-02-28T10:00:00Z
[model]
name = 'llama3.2:1b'
api_key = "{P["key"]}"
[[token]]
value = \"\"\"{P["token"]}\"\"\"
""",
    "env": f"""\
# the environment
DATABASE_URL=postgresql://ops:{P["password"]}@127.0.0.1/shop
export API_TOKEN="{P["token"]}"
MODE='production' # not debug
MULTI="one
two"
OPENAI_API_KEY={P["key"]}
""",
}
NAMES = {"yaml": "shop.yaml", "json": "shop.json", "toml": "shop.toml", "env": ".env"}
CONTENTS = {name: text.encode() for name, text in FILES.items()}
KNOWN = (P["key"],)
"""By its looks, wherever an accident puts it. The others are known by their places alone."""
PLACES = {
    P["password"]: f":{P['password']}@".encode(),
    P["token"]: f"token={P['token']}".encode(),
}


class Folder:
    """A service whose configuration files are replaced again and again."""

    def __init__(self, folder: Path) -> None:
        (folder / "schema.json").write_text(json.dumps(SCHEMA))
        for name, content in CONTENTS.items():
            (folder / NAMES[name]).write_bytes(content)
        self.folder = folder
        self.bench = Bench(folder, SERVICE)
        self.spec = spec("config.is-valid")

    async def judge(self, name: str, content: bytes, style: str) -> str:
        """What is said of the content in one format; a crash or a time-out of the check fails the test."""
        (self.folder / NAMES[name]).write_bytes(content)
        with watched():
            found = await self.bench.look(name, self.spec)
            assert crashed(found) == []
            assert found
            assert not [each for each in found if "Warning" in each.observed], "it would be printed elsewhere"
            return self.bench.said(found, style)


@pytest.mark.timeout(120 + INPUTS // 4)
async def test_battered_configuration_files(tmp_path: Path):
    """Bytes changed, lost, doubled, moved or put in, and halves of files of other formats."""
    folder = Folder(tmp_path)
    for seed in range(INPUTS):
        chance = random.Random(seed)
        name = list(NAMES)[seed % 4]
        content = battered(CONTENTS[name], chance, [*CONTENTS.values()])
        said = await folder.judge(name, content, STYLES[seed // 4 % len(STYLES)])
        in_place = [
            secret for secret, place in PLACES.items() if content.count(place) == content.count(secret.encode())
        ]
        assert leaks(said, [*KNOWN, *in_place]) == [], seed


async def test_a_repeated_anchor_is_no_trouble(tmp_path: Path):
    """YAML allows it; a parser that warns of it would print lines of the file, secrets included."""
    content = CONTENTS["yaml"] + f"again: &model {{api_key: {P['key']}}}\n".encode()
    assert "`shop.yaml` is valid" in await Folder(tmp_path).judge("yaml", content, "text")


async def test_the_parser_repeats_nothing(tmp_path: Path):
    """An alias that does not exist is no name when a password slipped into it."""
    said = await Folder(tmp_path).judge("yaml", f"a: *ops:{P['password']}@127.0.0.1/shop".encode(), "text")
    assert "found undefined alias" in said
    assert leaks(said) == []


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "{a: " * 50_000, "a: !" + "t" * 400_000, "- " * 200_000])
async def test_deep_nests_and_long_tags_take_no_time(tmp_path: Path, text: str):
    """The parser would take seconds to days for them."""
    began = time.process_time()
    assert "config.unparseable" in await Folder(tmp_path).judge("yaml", text.encode(), "text")
    assert time.process_time() - began < 3


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from([*PLANTED.values(), "database_url", "postgresql://u:p@h/d", "0", "[", "${X}"]),
)  # fmt: skip
_KEYS = st.sampled_from(["database_url", "vector_dimension", "model", "name", "servers", "api_key", "MODE"])
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=6), inner, max_size=5),
    max_leaves=15,
)


@pytest.mark.timeout(120 + INPUTS)
@settings(
    max_examples=GUIDED, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(_KEYS, _TREES), st.sampled_from(["json", "yaml", "env"]), st.sampled_from(STYLES))
def test_values_of_every_wrong_kind(tmp_path: Path, document: dict, name: str, style: str):
    """Right keys with any values at every level."""
    text = "\n".join(f"{key}={value}" for key, value in document.items()) if name == "env" else json.dumps(document)
    said = asyncio.run(Folder(tmp_path).judge(name, text.encode("utf-8", "surrogatepass"), style))
    assert leaks(said, KNOWN) == []
