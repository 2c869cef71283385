"""Files and folders that a command line names, as the table says by which option."""

from collections.abc import Iterator
from pathlib import Path

from paramedic.discovery.scene import Part


def folders_named(part: Part) -> tuple[Path, ...]:
    """Folders that it writes to."""
    options = part.known.data if part.known else ()
    return tuple(path for path in _values(part, options) if path.is_dir())


def paths_named(part: Part) -> tuple[Path, ...]:
    """Configuration files that it was started with."""
    options = part.known.config if part.known else ()
    return tuple(path for path in _values(part, options) if path.is_file())


def _values(part: Part, options: tuple[str, ...]) -> Iterator[Path]:
    """``--option VALUE``, ``--option=VALUE``, and ``-DVALUE`` for short ones."""
    if part.process is None or not options:
        return
    words = part.process.command
    for at, word in enumerate(words):
        name, is_one, value = word.partition("=")
        text = None
        if name in options and is_one:
            text = value
        elif word in options and at + 1 < len(words):
            text = words[at + 1]
        else:
            short = next((each for each in options if len(each) == 2 and word.startswith(each)), None)
            text = word[2:] if short else None
        if text:
            path = Path(text)
            yield path if path.is_absolute() or part.process.cwd is None else part.process.cwd / path
