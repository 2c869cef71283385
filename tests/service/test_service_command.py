"""``paramedic config`` on real files, in a real process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.trial import one

RUN = "import sys; from paramedic.cli.config import config; config(sys.argv[1:], prog_name='paramedic config')"


def run(*args: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """The command as a person runs it."""
    return subprocess.run(
        [sys.executable, "-c", RUN, *args],
        cwd=cwd,
        env={**os.environ, "XDG_CONFIG_HOME": str(cwd / "none"), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_good_file_is_called_good(tmp_path: Path) -> None:
    """Exit code 0 and one line."""
    (tmp_path / "paramedic.yaml").write_text(one())
    done = run("validate", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/paramedic.yaml: 1 component, nothing wrong\n"


def test_a_bad_file_is_explained(tmp_path: Path) -> None:
    """Exit code 78, every problem with its place, as text and as JSON."""
    path = tmp_path / "bad.yaml"
    path.write_text(one("criticality: hihg\ntimout: 3"))
    done = run("validate", "bad.yaml", cwd=tmp_path)
    assert done.returncode == 78
    assert f"{path}:6: `components.api.criticality` is `hihg`" in done.stdout
    assert "hint: did you mean `timeout`?" in done.stdout
    assert done.stderr == "2 problems\n"
    done = run("validate", "bad.yaml", "--format", "json", cwd=tmp_path)
    assert done.returncode == 78
    report = json.loads(done.stdout)
    assert (report["schema_version"], report["valid"]) == (1, False)
    assert [each["line"] for each in report["problems"]] == [6, 7]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [", b"", b"&a [*a]"])
def test_nothing_makes_it_stumble(tmp_path: Path, content: bytes) -> None:
    """Exit code 78 and no traceback, whatever the file holds."""
    (tmp_path / "paramedic.yaml").write_bytes(content)
    done = run("validate", cwd=tmp_path)
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert done.stdout


def test_a_folder_without_a_file_is_explained(tmp_path: Path) -> None:
    """The hint says what to write."""
    done = run("validate", cwd=tmp_path)
    assert done.returncode == 78
    assert "hint: write one" in done.stdout


def test_what_a_file_comes_to_is_shown_without_its_secrets(tmp_path: Path) -> None:
    """Every setting with its source; secrets as stars."""
    text = one("headers: {Authorization: 'Bearer ${API_TOKEN}'}") + "store: postgres://u:the-password@h/d\n"
    (tmp_path / "paramedic.yaml").write_text(text)
    environ = {"API_TOKEN": "the-token", "RECOVERY_COOLDOWN": "42"}
    plain, data = (run("show", *args, cwd=tmp_path, **environ) for args in ((), ("--format", "json")))
    assert (plain.returncode, data.returncode) == (0, 0), plain.stderr + data.stderr
    assert "the-" not in plain.stdout + data.stdout
    assert "42.0  (RECOVERY_COOLDOWN)" in plain.stdout
    settings = json.loads(data.stdout)["settings"]
    assert settings["recovery_cooldown_s"] == {
        "value": 42.0, "source": "RECOVERY_COOLDOWN", "has_effect": True,
    }  # fmt: skip
    assert settings["store"]["source"] == f"{tmp_path}/paramedic.yaml:7"


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    """To standard output, or to a file that an editor is pointed to."""
    printed = run("schema", cwd=tmp_path)
    written = run("schema", "--output", "schema.json", cwd=tmp_path)
    assert (printed.returncode, written.returncode, written.stdout) == (0, 0, "")
    assert json.loads((tmp_path / "schema.json").read_text()) == json.loads(printed.stdout)


def test_reading_costs_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    """Help stays fast: neither the YAML parser nor pydantic is imported for it, nor by importing the package."""
    code = "import sys, paramedic.cli.config, paramedic.service; print([m for m in ('ruamel', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "[]\n"
