"""The child's side of the conversation: one job as JSON in, one answer as JSON out."""

import json
import os
import sys
from pathlib import Path
from typing import Any

_PATHS = ("path", "manifest_path", "out_path", "work_path", "base_path")


def main() -> None:
    """Do the job on standard input and write the answer to standard output."""
    order: dict[str, Any] = json.load(sys.stdin)  # Any: each job has its own arguments
    job = order.pop("job")
    order = {key: Path(value) if key in _PATHS and value else value for key, value in order.items()}
    # FAISS and what lies below it print; our answer stands alone
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        from paramedic.packs.vector.inside import anatomy, looking, making, manifest, sources
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        answer: Any = {"error": f"`{missing}` is not installed; the extra `vector` brings it", "extra": "vector"}
    else:
        jobs: dict[str, Any] = {  # Any: each job has its own shape
            "look": looking.look,
            "compare": looking.compare,
            "facts": making.facts,
            "build": making.build,
            "initialize": making.initialize,
            "describe": making.describe,
        }
        ours = (making.CannotBuild, anatomy.Unreadable, sources.SourceAway, manifest.Broken, OSError, MemoryError)
        try:
            answer = jobs[job](**order)
        except ours as error:
            answer = {"error": str(error) or type(error).__name__}
    json.dump(answer, out)
    out.flush()
    os._exit(0)  # an index over damaged lists may crash while it is taken down
