"""The outside end: what runs now, and orders to it. For commands and checks; the guarded processes never import it.

>>> from paramedic.guard.outside import Order, ask, processes
>>> [guard["name"] for process in processes() for guard in process.guards]  # doctest: +SKIP
['model', 'tokens']
>>> ask(Order(kind="breaker", name="model", verb="reset"))  # doctest: +SKIP
{4711: 'done'}
"""

import json
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock
from paramedic.guard.ledger import Ledger
from paramedic.guard.post import Order, alive, default_folder, put_order
from paramedic.guard.tripwire import check_state

__all__ = ["BY_AN_OPERATOR", "REFUSED", "SILENT", "UNMENDED", "Order", "Process", "ask", "mend", "processes"]

BY_AN_OPERATOR = "an operator opened it"
"""How the reason of a breaker begins that a person holds open on purpose: nobody else may close it."""
REFUSED = "refused: "
"""How the answer of a guard begins that does not do what it was asked for."""
SILENT = "silent"
"""What stands for the answer of a process that gave none in time."""
UNMENDED = "cannot be made whole"
"""What is said of a state file that `mend` can do nothing about."""
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A living process with guards, as it showed itself last."""

    pid: int
    program: str
    folder: str | None
    """Its working directory."""
    service: str | None
    """``$PARAMEDIC_SERVICE`` of the process."""
    as_of: str
    guards: list[dict[str, Any]]  # Any: plain JSON values; each has `kind` and `name` beside what the guard reports
    events: list[dict[str, Any]]
    answers: dict[str, str]


def processes(at: Path | None = None, *, tidy: bool = True) -> list[Process]:
    """Every living process that uses guards in a folder, by default this user's; none where there is no folder.

    What dead ones left behind is removed where it is `tidy`.
    """
    found = []
    for path in sorted(((at or default_folder()) / "processes").glob("[!.]*.json")):
        pid, _, ticks = path.stem.partition("-")
        if not pid.isdecimal() or not alive(int(pid), ticks):
            if tidy:
                path.unlink(missing_ok=True)
            continue
        try:
            shown = json.loads(path.read_bytes())
            found.append(
                Process(
                    pid=int(shown["pid"]),
                    program=" ".join(shown["program"]),
                    folder=shown["folder"],
                    service=shown["service"],
                    as_of=shown["as_of"],
                    guards=shown["guards"],
                    events=shown["events"],
                    answers=shown["answers"],
                )
            )
        except (OSError, ValueError, KeyError, TypeError):  # it has just ended, or is no report of ours
            continue
    return found


def ask(order: Order, timeout_s: float = 2.0, clock: Clock = SYSTEM, at: Path | None = None) -> dict[int, str]:
    """Place an order and wait for the answers: process id -> ``done``, or `REFUSED` and why.

    Processes without such a guard are left out. One that does not answer in time is `SILENT`.
    """
    addressed = {
        each.pid
        for each in processes(at)
        if (order.pids is None or each.pid in order.pids)
        and any(guard["kind"] == order.kind and order.name in ("*", guard["name"]) for guard in each.guards)
    }
    if at is not None and not (at / "orders").is_dir():
        return {}
    order_id = put_order(order, at=at)
    deadline = clock.monotonic() + timeout_s
    answers: dict[int, str] = {}
    while addressed - set(answers) and clock.monotonic() < deadline:
        Event().wait(_PAUSE_S)
        answers = {each.pid: each.answers[order_id] for each in processes(at) if order_id in each.answers}
    told = {pid: text for pid, text in answers.items() if not text.startswith("unknown")}
    return told | dict.fromkeys(addressed - set(answers), SILENT)


def mend(path: Path) -> list[str]:
    """Put a whole state file of a budget in its place while no process uses it; lines that say what was wrong.

    One that is damaged is set aside. Raises ``OSError`` where it cannot be written.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`{path.name}` {UNMENDED}: there is no folder `{path.parent}`")
    lines: list[str] = []
    unwritable: list[str] = []

    def hear(kind: str, because: str) -> None:
        (unwritable if kind == "state_unwritable" else lines).append(because)

    Ledger(path.absolute(), check_state, hear).write()
    if unwritable:
        raise PermissionError(f"`{path.name}` {UNMENDED}: {unwritable[0]}")
    return lines
