"""The child's side of the conversation: one job as JSON in, one answer as JSON out."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from paramedic.packs.sqlite.inside import copying, generation, looking, salvage, saving


def main() -> None:
    """Do the job on standard input and write the answer to standard output."""
    order: dict[str, Any] = json.load(sys.stdin)  # Any: each job has its own arguments
    job = order.pop("job")
    order = {key: Path(value) if key.endswith("path") and value else value for key, value in order.items()}
    try:
        answer = _JOBS[job](**order)
    except (sqlite3.Error, OSError, salvage.Hopeless) as error:
        answer = {"error": str(error) or type(error).__name__}
    json.dump(answer, sys.stdout)


_JOBS: dict[str, Any] = {  # Any: each job has its own shape
    "look": looking.look,
    "whole": looking.whole,
    "generation": generation.generation,
    "copy": copying.copy,
    "is-good": copying.is_good,
    "tables": copying.tables,
    "filled": copying.filled,
    "missing-tables": copying.missing_tables,
    "add-tables": copying.add_tables,
    "drop-tables": copying.drop_tables,
    "salvage": salvage.salvage,
    "holds": saving.holds,
    "newer": saving.newer,
}
