"""The child's side of the conversation: one job as JSON in, one answer as JSON out."""

import json
import sys
from typing import Any

from paramedic.packs.data.inside import judging


def main() -> None:
    """Do the job on standard input and write the answer to standard output."""
    order: dict[str, Any] = json.load(sys.stdin)  # Any: each job has its own arguments
    answer = _JOBS[order.pop("job")](**order)
    json.dump(answer, sys.stdout)


_JOBS: dict[str, Any] = {  # Any: each job has its own shape
    "judge": judging.judge,
    "unlike": judging.unlike,
}
