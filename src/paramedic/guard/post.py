"""The way between guards and the world outside their process: a folder that belongs to one user.

    FOLDER/orders/<time>-<random>.json    one order, put there by whoever wants something (see `Order`)
    FOLDER/processes/<pid>-<start>.json   what one process has (see `Post.show`), removed when it ends

FOLDER is ``$PARAMEDIC_GUARD_DIR``, else ``/tmp/paramedic-guard-<uid>``; it is created with mode 0700 and refused if it
belongs to somebody else. Both kinds of file are written beside and renamed into place: readers see whole files.
A process carries out the orders that were placed after its watcher began, once each, and answers in its own file:
``answers: {<order id>: "done" | "refused: why" | "unknown: no such guard here"}``. `paramedic.guard.outside` is the
other end.
"""

import atexit
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.events import RECENT

ORDERS_KEPT_S = 120.0
_ANSWERS_KEPT = 100


class ForeignFolder(Exception):
    """The folder belongs to somebody else."""


def default_folder() -> Path:
    """Where the guards of this user meet, whether or not there are any."""
    given = os.environ.get("PARAMEDIC_GUARD_DIR")
    return Path(given) if given else Path(f"/tmp/paramedic-guard-{os.getuid()}")  # noqa: S108 - owner and mode are checked


def folder() -> Path:
    """Where the guards of this user meet; created where it is missing."""
    path = default_folder().absolute()
    _make(path)
    return path


def _make(path: Path) -> None:
    given = os.environ.get("PARAMEDIC_GUARD_DIR")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    stat = path.lstat()
    if not given and (stat.st_uid != os.getuid() or stat.st_mode & 0o077):
        raise ForeignFolder(f"`{path}` belongs to somebody else or is open to others")
    for name in ("orders", "processes"):
        (path / name).mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody outside wants of the guards of some kind and name."""

    kind: str
    """``breaker``, ``budget``, ``flags``, ``memory``, ``performance``, ``tasks`` or ``metrics``."""
    name: str
    """The guard's name; ``*`` means all of the kind."""
    verb: str
    """What to do; each guard's ``obey`` lists its verbs."""
    settings: Mapping[str, Any] = field(default_factory=dict)  # Any: plain JSON values
    pids: tuple[int, ...] | None = None
    """Only these processes; ``None`` means all."""


def _stat(pid: int) -> list[bytes]:
    """What Linux says of a process, from its state on; nothing where there is none, or no ``/proc``."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def started(pid: int) -> str:
    """When a process started, in ticks since boot: tells it from a later one with the same number; `0` if unknown."""
    found = _stat(pid)
    return found[19].decode() if found else "0"


def alive(pid: int, ticks: str) -> bool:
    """Whether that very process still runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _stat(pid)[:1] != [b"Z"] and started(pid) == ticks


def place(path: Path, value: dict[str, Any]) -> None:
    """Write a file that readers only ever see whole. It need not outlive the machine, so it is not flushed."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(value), encoding="utf-8")
    beside.replace(path)


class Post:
    """A process's end of the folder."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._folder = folder()
        self._orders = self._folder / "orders"
        self._own = self._folder / "processes" / f"{os.getpid()}-{started(os.getpid())}.json"
        self._began = iso(clock.wall())
        self._seen = set(os.listdir(self._orders))
        self._answers: dict[str, str] = {}
        self._shown: dict[str, Any] = {}
        self._shown_at: float
        atexit.register(self._vanish, os.getpid())

    def _vanish(self, pid: int) -> None:
        if os.getpid() == pid:  # a fork inherits what its parent registered
            self._own.unlink(missing_ok=True)

    def carry_out_orders(self, guards: list[Any]) -> None:
        """Carry out the orders that are new."""
        if not (self._orders.is_dir() and self._own.parent.is_dir()):  # who tidies `/tmp` removes what is old
            _make(self._folder)
        names = set(os.listdir(self._orders))
        for name in sorted(names - self._seen):
            if not name.startswith("."):
                self._carry_out(name, guards)
        self._seen = names

    def _carry_out(self, name: str, guards: list[Any]) -> None:
        try:
            written = json.loads((self._orders / name).read_bytes())
            order = Order(**written)
            verb, settings, addressed = (
                str(order.verb),
                dict(order.settings),
                order.pids is None or os.getpid() in order.pids,
            )
        except FileNotFoundError:
            return
        except (ValueError, TypeError, OSError) as error:
            self._answer(name, f"refused: the order cannot be read: {error}")
            return
        if not addressed:
            return
        wanted = [each for each in guards if each.kind == order.kind and order.name in ("*", each.name)]
        answers = []
        for guard in wanted:
            try:
                answers.append(guard.obey(verb, settings))
            except Exception as error:  # boundary: an order that makes no sense is answered, not fatal
                answers.append(f"refused: {error}")
        refused = [each for each in answers if each != "done"]
        self._answer(name, (refused or answers or ["unknown: no such guard here"])[0])

    def _answer(self, name: str, text: str) -> None:
        self._answers[name.removesuffix(".json")] = text
        while len(self._answers) > _ANSWERS_KEPT:
            del self._answers[next(iter(self._answers))]

    def show(self, guards: list[Any]) -> None:
        """Write what this process has: an event or an answer at once, changing numbers once a second."""
        shown = [{"kind": each.kind, "name": each.name} | each.report() for each in guards]
        events = [asdict_event(each) for each in list(RECENT)]
        content = {"guards": shown, "answers": dict(self._answers), "events": events}
        if content == self._shown and self._own.exists():
            return
        now = self._clock.monotonic()
        urgent = events != self._shown.get("events") or content["answers"] != self._shown.get("answers")
        if not urgent and now - self._shown_at < 1.0:
            return
        who = {
            "pid": os.getpid(),
            "started": started(os.getpid()),
            "program": sys.argv[:1],
            "folder": _cwd(),
            "service": os.environ.get("PARAMEDIC_SERVICE"),
            "watched_since": self._began,
            "as_of": iso(self._clock.wall()),
        }
        place(self._own, {**who, **content})
        self._shown = content
        self._shown_at = now


def asdict_event(event: Any) -> dict[str, Any]:
    """An event as plain values."""
    return {name: getattr(event, name) for name in ("guard", "name", "kind", "at", "because")} | {
        "detail": dict(event.detail)
    }


def _cwd() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed under the process
        return None


def put_order(order: Order, clock: Clock = SYSTEM, at: Path | None = None) -> str:
    """Place an order in a folder; its id finds the answers. Orders that nobody needs any more are removed."""
    orders = (at or folder()) / "orders"
    now = clock.wall()
    for each in orders.iterdir():
        try:
            if now - each.stat().st_mtime > ORDERS_KEPT_S:
                each.unlink()
        except OSError:  # another sender was faster
            continue
    order_id = f"{int(now * 1000):015d}-{secrets.token_hex(4)}"
    place(orders / f"{order_id}.json", {**asdict(order), "pids": None if order.pids is None else list(order.pids)})
    return order_id
