"""Which lines of a log are worth a person's time."""

import subprocess
import sys
from pathlib import Path

from paramedic.packs.process import words

NOISE = ("/importlib/", "<frozen importlib", "^^^")


def test_of_a_long_traceback_the_frames_of_the_service_and_the_error_are_kept(tmp_path: Path) -> None:
    """A real one, of a module that is imported by name and fails deep inside."""
    (tmp_path / "app.py").write_text("import inner\n")
    (tmp_path / "inner.py").write_text("values = {}\nprint(values['model'] + 1)\n")
    (tmp_path / "run.py").write_text("import importlib\nimportlib.import_module('app')\n")
    ended = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert all(noise in ended.stderr for noise in NOISE)
    told = words.telling(ended.stderr, 8)
    assert told[-1] == "KeyError: 'model'"
    assert not any(noise in line for noise in NOISE for line in told)
    assert any("inner.py" in line for line in told)
    assert any("values['model']" in line for line in told)


def test_what_fits_is_left_as_it_was() -> None:
    """The last lines, without the emptiness after them."""
    log = 'File "<frozen importlib._bootstrap>", line 1\n   ^^^^\nend\n\n'
    assert words.telling(log, 3) == log.rstrip().splitlines()
    assert words.telling(log, 1) == ["end"]
    assert words.telling("", 3) == []
