"""Interpreters that are well, too old, missing, broken; packages that are there, missing, in conflict."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from packs.python.conftest import make_venv
from paramedic.packs.python.checks import conflicts, interpreter, packages, requirements
from paramedic.packs.python.target import Python
from paramedic.sdk import ProcessSpec, Status

LATER = f">={sys.version_info[0]}.{sys.version_info[1] + 1}"


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_healthy_interpreter(look, venv):
    """A virtual environment of a supported version is well."""
    [found] = await look(interpreter, Python(interpreter=venv.python, requires_python=">=3.8"))
    assert found.status is Status.OK
    assert "in a virtual environment" in found.observed


@pytest.mark.parametrize("where", ["key", "pyproject", "lock"])
async def test_too_old(look, venv, write, where):
    """`python.version`, whoever says which versions will do; the finding names who does."""
    target = {
        "key": lambda: Python(interpreter=venv.python, requires_python=LATER),
        "pyproject": lambda: Python(
            interpreter=venv.python, pyproject=write("pyproject.toml", f'[project]\nrequires-python = "{LATER}"\n')
        ),
        "lock": lambda: Python(
            interpreter=venv.python,
            lock=write(
                "uv.lock", f'version = 1\nrequires-python = "{LATER}"\n[[package]]\nname = "a"\nversion = "1"\n'
            ),
        ),
    }[where]()
    [found] = await look(interpreter, target)
    assert (found.status, found.code) == (Status.CRITICAL, "python.version")
    assert LATER in found.expected
    assert found.path == str(venv.python)


async def test_without_virtual_environment(look, venv):
    """`python.no-venv` is a warning, and none where the service file says that it is meant so."""
    (venv.folder / "pyvenv.cfg").unlink()
    [found] = await look(interpreter, Python(interpreter=venv.python))
    assert (found.status, found.code) == (Status.WARNING, "python.no-venv")
    [found] = await look(interpreter, Python(interpreter=venv.python, virtualenv=False))
    assert found.status is Status.OK


async def test_no_interpreter(look, tmp_path):
    """`python.interpreter-missing`, with where a dangling link leads to."""
    [found] = await look(interpreter, Python(interpreter=tmp_path / ".venv/bin/python"))
    assert (found.status, found.code) == (Status.CRITICAL, "python.interpreter-missing")
    (tmp_path / "python").symlink_to(tmp_path / "uninstalled/python3.9")
    [found] = await look(interpreter, Python(interpreter=tmp_path / "python"))
    assert "uninstalled/python3.9" in found.observed


@pytest.mark.parametrize("text", ["exit 3", "echo no Python >&2; exit 1", "echo hello", "kill -9 $$", "echo '{\"a\"'"])
async def test_broken_interpreter(look, tmp_path, text):
    """`python.interpreter-unusable`: whatever it does instead of answering is the patient's fault, never a crash."""
    [found] = await look(interpreter, Python(interpreter=script(tmp_path / "python", text)))
    assert (found.status, found.code) == (Status.CRITICAL, "python.interpreter-unusable")


async def test_interpreter_that_is_no_program(look, tmp_path):
    """A text file without the right to be executed, and one that is no program, are unusable."""
    (tmp_path / "python").write_text("hello")
    [found] = await look(interpreter, Python(interpreter=tmp_path / "python"))
    assert found.code == "python.interpreter-unusable"
    (tmp_path / "python").chmod(0o755)
    [found] = await look(interpreter, Python(interpreter=tmp_path / "python"))
    assert found.code == "python.interpreter-unusable"


async def test_interpreter_that_hangs(look, tmp_path):
    """One that does not answer was not looked at, and nothing of it is left running."""
    hanging = script(tmp_path / "python", f"echo $$ > {tmp_path}/pid; sleep 1000 & wait")
    for check in (interpreter, packages):
        [found] = await look(check, Python(interpreter=hanging), timeout_s=2.5)
        assert found.status is Status.UNKNOWN
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


async def test_packages_of_no_interpreter(look, tmp_path):
    """Without an interpreter its packages cannot be looked at: that is unknown, and told once elsewhere."""
    for check in (packages, conflicts):
        [found] = await look(check, Python(interpreter=tmp_path / "absent"))
        assert found.status is Status.UNKNOWN


async def test_looking_changes_nothing(look, venv, write):
    """Not one file of the environment is made or touched by a look."""
    target = Python(interpreter=venv.python, requirements=(write("requirements.txt", "absent\n"),))

    def seen():
        return {path: path.lstat().st_mtime_ns for path in sorted(venv.folder.rglob("*"))}

    before = seen()
    for check in (interpreter, packages, conflicts, requirements):
        await look(check, target)
    assert seen() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run what belongs to others, and must not")
async def test_root_never_runs_the_program_of_another_user(look, tmp_path):
    """An interpreter that belongs to a user is asked as that user."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and stat.S_IMODE(parent.stat().st_mode) & 0o5 != 0o5:
            parent.chmod(parent.stat().st_mode | 0o5)
        if parent == Path("/tmp"):
            break
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    program = script(theirs / "python", f"id -u > {theirs}/who; exit 1")
    for path in (theirs, program):
        os.chown(path, 65534, 65534)
    await look(interpreter, Python(interpreter=program))
    assert (theirs / "who").read_text().strip() == "65534"


async def test_interpreter_by_name_and_by_process(look, venv, tmp_path):
    """A bare name is looked for on the `PATH`; without any the component's process says it, or `.venv` is there."""
    [found] = await look(interpreter, Python(interpreter=tmp_path / "python3", virtualenv=False))
    assert found.status is Status.OK
    assert shutil.which("python3")
    [found] = await look(interpreter, Python())
    assert "in a virtual environment" in found.observed
    gone = ProcessSpec(command=("other/bin/python", "-m", "shop"), cwd=tmp_path)
    [found] = await look(interpreter, Python(), process=gone)
    assert (found.code, found.path) == ("python.interpreter-missing", str(tmp_path / "other/bin/python"))


async def test_complete(look, venv, install, write):
    """What is declared and installed is well, however its name is spelt."""
    install(venv, "Shop.Basket", "1.4", requires=["till>=2"])
    install(venv, "till", "2.1")
    target = Python(interpreter=venv.python, requirements=(write("requirements.txt", "shop_basket>=1,<2\n"),))
    for check in (packages, conflicts, requirements):
        [found] = await look(check, target)
        assert found.status is Status.OK, found


async def test_missing(look, venv, write):
    """`python.package-missing` names package, file and line, and how it is installed."""
    path = write("requirements.txt", "# the shop\n\nbasket >= 1.2\n")
    [found] = await look(packages, Python(interpreter=venv.python, requirements=(path,)))
    assert (found.status, found.code) == (Status.CRITICAL, "python.package-missing")
    assert (found.path, found.line) == (str(path), 3)
    assert "pip install 'basket>=1.2'" in found.hint


async def test_what_a_package_needs(look, venv, install, write):
    """What an installed package needs counts, too, with its extras where they are asked for, as a warning."""
    install(venv, "basket", "1.0", requires=["handle>=1", 'ribbon; extra == "gift"'], extras=["gift"])
    install(venv, "handle", "0.9")
    plain = Python(interpreter=venv.python, requirements=(write("requirements.txt", "basket\n"),))
    [found] = await look(packages, plain)
    assert found.status is Status.OK
    [found] = await look(conflicts, plain)
    assert (found.status, found.code) == (Status.WARNING, "python.package-conflict")
    assert "`basket` needs it" in found.because
    gift = Python(interpreter=venv.python, requirements=(write("requirements.txt", "basket[gift]\n"),))
    [found] = await look(packages, gift)
    assert (found.status, found.code) == (Status.WARNING, "python.package-missing")
    assert "ribbon" in found.observed


async def test_conflict(look, venv, install, write):
    """`python.package-conflict`: an installed version outside the declared range, or that of a constraint."""
    install(venv, "basket", "2.0")
    path = write("requirements.txt", "-c limits.txt\nbasket<2\n")
    write("limits.txt", "basket!=2.0\nnever-asked-for==1\n")
    found = await look(conflicts, Python(interpreter=venv.python, requirements=(path,)))
    assert {(each.status, each.code, Path(each.path).name, each.line) for each in found} == {
        (Status.CRITICAL, "python.package-conflict", "requirements.txt", 2),
        (Status.CRITICAL, "python.package-conflict", "limits.txt", 1),
    }
    [missing] = await look(packages, Python(interpreter=venv.python, requirements=(path,)))
    assert missing.status is Status.OK, "a constraint asks for nothing"


async def test_conflicts_without_any_file(look, venv, install):
    """Where no file declares anything, the packages of a virtual environment are held against each other."""
    install(venv, "basket", "1.0", requires=["handle>=2"])
    install(venv, "handle", "1.0")
    [found] = await look(conflicts, Python(interpreter=venv.python))
    assert found.code == "python.package-conflict"


async def test_damaged_package(look, venv, install, write):
    """A package without metadata hides no other and is no crash."""
    install(venv, "basket", "1.0")
    (venv.packages / "broken-1.0.dist-info").mkdir()
    (venv.packages / "worse-1.0.dist-info").write_text("")
    (venv.packages / "odd.pth").write_text("import sys; sys.stdout.write('chatter without an end of line')\n")
    target = Python(interpreter=venv.python, requirements=(write("requirements.txt", "basket\n"),))
    [found] = await look(packages, target)
    assert found.status is Status.OK


async def test_an_answer_is_kept_until_something_changes(look, venv, install, tmp_path, write):
    """While nothing of it changes the interpreter is not started again; what comes or goes is seen at once."""
    counting = tmp_path / "counting"
    (venv.packages / "count.pth").write_text(f"import os; open({str(counting)!r}, 'a').write('x')\n")
    target = Python(interpreter=venv.python, requirements=(write("requirements.txt", "basket\n"),))
    await look(packages, target)
    once = counting.read_text()  # some versions of Python read such a file twice in one start
    [found] = await look(packages, target)
    assert found.code == "python.package-missing"
    assert counting.read_text() == once
    install(venv, "basket", "1.0")
    await look(packages, target)
    [found] = await look(packages, target)
    assert found.status is Status.OK
    assert counting.read_text() == 2 * once


async def test_the_answer_of_one_interpreter_is_not_that_of_another(look, venv, install, tmp_path, write):
    """After the service file names another environment on the same Python, that one is asked."""
    install(venv, "basket", "1.0")
    other = make_venv(tmp_path / "other")
    path = write("requirements.txt", "basket\n")
    [found] = await look(packages, Python(interpreter=venv.python, requirements=(path,)))
    assert found.status is Status.OK
    [found] = await look(packages, Python(interpreter=other.python, requirements=(path,)))
    assert found.code == "python.package-missing"


async def test_unreadable_lines(look, write):
    """`python.requirements-invalid` tells each broken line by its number, and the rest of the file counts."""
    path = write("requirements.txt", "basket==\nfine>=1\n--no-such-option\n-r absent.txt\nname@\n")
    found = await look(requirements, Python(requirements=(path,)))
    assert [(each.status, each.code, each.line) for each in found] == [
        (Status.WARNING, "python.requirements-invalid", line) for line in (1, 3, 4, 5)
    ]


async def test_file_that_is_not_there(look, tmp_path):
    """A declared file that is missing is critical."""
    target = Python(requirements=(tmp_path / "no.txt",), pyproject=tmp_path / "no.toml", lock=tmp_path / "no.lock")
    found = await look(requirements, target)
    assert [(each.status, each.code) for each in found] == [(Status.CRITICAL, "python.requirements-invalid")] * 3


def test_target_refuses_nonsense():
    """What says no versions is refused when the service file is read."""
    with pytest.raises(ValueError, match="says no versions"):
        Python(requires_python="three")
