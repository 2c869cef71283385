"""Writes service files and loads them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from paramedic.model.errors import ConfigurationError, Problem
from paramedic.model.service import Service
from paramedic.service import load
from service.kinds import REGISTRY


class Trial:
    """A folder in which service files are written and loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "paramedic.yaml"

    def load(self, content: str | bytes, environ: Mapping[str, str] | None = None) -> Service:
        """The service of a file with this content."""
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(self.path, REGISTRY, environ or {})

    def problems(self, content: str | bytes, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
        """Everything that is wrong with it; it is an error if nothing is."""
        with pytest.raises(ConfigurationError) as raised:
            self.load(content, environ)
        return raised.value.problems

    def api(self, keys: str, environ: Mapping[str, str] | None = None) -> Service:
        """The service of one HTTP component that has these keys too."""
        return self.load(one(keys), environ)


def one(keys: str = "") -> str:
    """A file with one component."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    return f"service: shop\ncomponents:\n  api:\n    kind: http\n    url: http://127.0.0.1:8000/health\n{lines}"
