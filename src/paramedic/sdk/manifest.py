"""Recorded digests of files that never change: what ``sha256sum FILE… > MANIFEST`` writes."""

import re
from collections.abc import Mapping
from pathlib import Path

from paramedic.sdk.files import read_whole

_LIMIT_BYTES = 8 << 20
_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")


class NoManifest(Exception):
    """The manifest cannot be used; that says nothing about the files."""


def read_manifest(path: Path) -> Mapping[Path, str]:
    """SHA-256 by file; names are relative to the manifest.

    Raises:
        NoManifest: it cannot be read, or a line of it is none.
    """
    try:
        text = read_whole(path, _LIMIT_BYTES).decode()
    except OSError as error:
        raise NoManifest(f"the manifest `{path.name}` cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise NoManifest(f"the manifest `{path.name}` is not UTF-8") from None
    found: dict[Path, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise NoManifest(f"line {number} of the manifest `{path.name}` is not as `sha256sum` writes it")
        found[place(path.parent / parts[2])] = parts[1].lower()
    return found


def place(path: Path) -> Path:
    """A path in the form in which manifests are asked."""
    return Path(path.absolute().as_posix()).parent.resolve() / path.name
