"""Rules that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import paramedic

ROOT = Path(paramedic.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def place(path: Path) -> str:
    """The layer of a file."""
    return path.relative_to(ROOT).parts[0]


def test_nobody_prints_but_faces_and_the_patient() -> None:
    """Output is decided in one place."""
    guilty = [
        f"{path}:{call.lineno}"
        for path in FILES
        if place(path) not in ("cli", "report", "demo")
        for name, call in calls(path)
        if name in ("print", "sys.stdout.write", "click.echo")
    ]
    assert guilty == []


def test_no_shell_strings() -> None:
    """Programs are started from lists of arguments."""
    guilty = [
        f"{path}:{call.lineno}"
        for path in FILES
        for name, call in calls(path)
        if name in ("os.system", "os.popen", "subprocess.getoutput", "asyncio.create_subprocess_shell")
        or any(word.arg == "shell" for word in call.keywords)
    ]
    assert guilty == []


def test_time_comes_from_the_clock() -> None:
    """Nobody below the faces asks the machine for the time; the patient and the drills live outside."""
    allowed = {ROOT / "model" / "clock.py", *(ROOT / "packs").glob("*/inside/*.py")}  # a child's own time
    guilty = [
        f"{path}:{call.lineno}: {name}"
        for path in FILES
        if path not in allowed and place(path) not in ("cli", "demo", "drills")
        for name, call in calls(path)
        if name in ("time.time", "time.monotonic", "datetime.now", "datetime.datetime.now", "datetime.utcnow")
    ]
    assert guilty == []


def test_files_can_be_read_in_one_sitting() -> None:
    """None is over 800 lines; the ten longest are printed."""
    lengths = sorted(((len(path.read_text().splitlines()), path) for path in FILES), reverse=True)
    for length, path in lengths[:10]:
        print(f"{length:5} {path.relative_to(ROOT)}")
    assert lengths[0][0] <= 800


def test_every_module_says_what_it_is_for() -> None:
    """The first line of a file is a sentence."""
    silent = [
        str(path) for path in FILES if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
