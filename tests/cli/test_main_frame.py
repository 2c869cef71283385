"""Every way to end has its exit code and its one line."""

import errno
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from paramedic.cli import main as face
from paramedic.model.errors import ConfigurationError, NodeBusy, ParamedicError, Problem, StoreError, UsageError


@pytest.fixture
def broken(monkeypatch):
    """Makes ``paramedic check`` raise."""

    def install(error: BaseException) -> None:
        @click.command(context_settings={"ignore_unknown_options": True})
        @click.argument("rest", nargs=-1)
        def check(rest: tuple[str, ...]) -> None:
            del rest
            raise error

        monkeypatch.setattr(face.Table, "get_command", lambda _self, _ctx, _name: check)

    return install


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such thing", hint="try this"), 64, "no such thing\nhint: try this\n"),
        (click.UsageError("Wrong."), 64, "wrong"),
        (NodeBusy("process 7 works on this service already"), 75, "process 7 works on this service already\n"),
        (StoreError("the store `x` is damaged"), 74, "the store `x` is damaged\n"),
        (OSError(errno.ENOSPC, "no", "/x"), 75, "no space is left for `/x`\nhint: free some space\n"),
        (ParamedicError("it broke", hint="mend it"), 70, "it broke\nhint: mend it\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("password=hunter2"), 70, "this is a fault of paramedic, not of your service: `ValueError` at"),
    ],
)
def test_errors_become_exit_codes(broken, capsys, error, code, said):
    """One line says what went wrong, the exit code says whose fault it is; never a traceback."""
    broken(error)
    assert face.main(["check"]) == code
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""
    assert "Traceback" not in err
    assert "hunter2" not in err


def test_a_full_device_behind_stdout_is_told_like_everything_else():
    """What programs would have read cannot be written either: one line on stderr, no traceback."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        argv = [sys.executable, "-m", "paramedic", "drill", "list", "--json"]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (75, "no space is left for what should be written")
    assert "Traceback" not in done.stderr


def test_every_problem_of_the_configuration_is_told(broken, capsys):
    """On stderr for people, on stdout for programs."""
    problems = (Problem(message="first", path=Path("p.yaml"), line=3), Problem(message="second", hint="do"))
    broken(ConfigurationError(problems))
    assert face.main(["check", "--format", "json"]) == 78
    out, err = capsys.readouterr()
    assert "p.yaml:3: first" in err
    assert "second\n  hint: do" in err
    assert [each["message"] for each in json.loads(out)["problems"]] == ["first", "second"]


def test_a_long_hint_fits_a_terminal(broken, capsys):
    """On lines of at most 80 columns, set off from what it belongs to; commands and paths stay whole."""
    long = "write one (service: shop, then components: {api: {kind: http, url: http://127.0.0.1:8000/health}}), or not"
    for error in (ConfigurationError((Problem(message="none", hint=long),)), UsageError("none", hint=long)):
        broken(error)
        face.main(["check"])
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3
        assert all(len(each) <= 80 for each in lines)
        assert " ".join(each.strip() for each in lines) == f"none hint: {long}"


def test_the_details_of_a_fault_are_kept(broken, capsys, monkeypatch, tmp_path):
    """They are in a private file, without secrets; with --debug they are shown."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("DEBUG_MODE", raising=False)
    broken(RuntimeError("password=hunter2"))
    assert face.main(["check"]) == 70
    (kept,) = tmp_path.iterdir()
    assert str(kept) in capsys.readouterr().err
    assert kept.stat().st_mode & 0o077 == 0
    assert "Traceback" in kept.read_text()
    assert "hunter2" not in kept.read_text()
    assert face.main(["check", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["chekc"], 64, "did you mean `check`"),
        (["check", "--nope"], 64, "--nope"),
        ([], 64, "Commands:"),
        (["check", "--format", "xml"], 64, "xml"),
    ],
)
def test_usage(capsys, arguments, code, said):
    """A command line that makes no sense is 64."""
    assert face.main(arguments) == code
    assert said in capsys.readouterr().err


def test_version_and_help(capsys):
    """They are on stdout and a success."""
    assert face.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("paramedic ")
    assert face.main(["check", "--help"]) == 0
    assert "--only" in capsys.readouterr().out


def test_every_command_in_the_table_exists():
    """What --help promises can be run."""
    table = face.cli
    context = click.Context(table)
    for name in table.list_commands(context):
        command = table.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_help_is_fast_and_imports_only_click():
    """`--help` takes at most 150 ms of a processor and imports nothing but click; the measurement is printed.

    The wall clock is printed only: on a busy machine it measures the neighbours.
    """
    took, cost = [], []
    for _ in range(10):
        started, used = time.perf_counter(), _children_used_s()
        subprocess.run([sys.executable, "-m", "paramedic", "--help"], check=True, capture_output=True)
        took.append((time.perf_counter() - started) * 1000)
        cost.append((_children_used_s() - used) * 1000)
    print(f"paramedic --help, 10 runs: {min(took):.0f} to {max(took):.0f} ms, of a processor {min(cost):.0f} ms")
    code = (
        "import sys; from paramedic.cli.main import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr
    for heavy in ("pydantic", "sqlalchemy", "asyncio.events", "paramedic.model", "paramedic.sdk", "rich", "ruamel"):
        assert f"'{heavy}" not in modules, heavy
    assert min(cost) <= 150


def _children_used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
