"""What a configuration file holds now is told as far as it can be asked for later."""

from pathlib import Path

import pytest

from paramedic.packs.config import pack

(KIND,) = pack.kinds


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "limits: {max: 1}\nmodels: []\nnothing:\n", {"required": ["limits", "models"]}),
        ("a.json", '{"a": 1}', {"required": ["a"]}),
        ("a.toml", "[server]\nport = 1\n", {"required": ["server"]}),
        ("a.yaml", "- 1\n", {}),
        ("a.yaml", "a.b: 1\n", {}),
        ("a.yaml", "a: [\n", {}),
        ("a.json", "{" + ", ".join(f'"k{n}": 1' for n in range(21)) + "}", {}),
        (".env", "A=1\n", {}),
    ],
)
def test_keys_at_the_top(tmp_path: Path, name: str, text: str, told: dict) -> None:
    """Those with a value, where they are few and plain; hostile files tell nothing."""
    (tmp_path / name).write_text(text)
    assert KIND.describe
    assert KIND.describe(tmp_path / name) == told
    assert KIND.describe(tmp_path / "nowhere.yaml") == {}


def test_the_sample_of_an_environment_file(tmp_path: Path) -> None:
    """By the usual names beside it."""
    assert KIND.describe
    for end in (".sample", ".example"):
        (tmp_path / f".env{end}").touch()
        assert KIND.describe(tmp_path / ".env") == {"sample": tmp_path / f".env{end}"}
