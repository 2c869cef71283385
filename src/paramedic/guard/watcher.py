"""One quiet thread per process that keeps the guards in touch with the world, so that guarded calls need not.

It starts with the first use of a guard (not with its construction: modules build guards while a server still forks),
looks every `INTERVAL_S` at the orders from outside and at the files that guards watch, and writes what is shown
outside.
In the child of a fork the first use starts a new one.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from paramedic.guard.post import Post

INTERVAL_S = 0.2
"""Pause between two looks; a change made outside is in force after at most this and the look itself."""
_PATIENCE_S = 1.0
"""How long the end of a look is waited for: who waits may itself be what the look waits for."""


class Guarded(Protocol):
    """What the watcher asks of a guard, beside its ``kind`` and ``name``."""

    kind: str
    name: str

    def tick(self) -> None:
        """Look at what may have changed."""

    def report(self) -> dict[str, Any]:  # Any: plain JSON values
        """What is shown outside."""

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``done``, or ``refused: why``."""

    def forked(self) -> None:
        """Start anew in the child of a fork."""


class Watcher:
    """The thread and what it looks after."""

    def __init__(self) -> None:
        self._guards: WeakSet[Any] = WeakSet()  # of Guarded; a Protocol cannot promise weak references
        self._start_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._forked)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._post: Post | None = None
        self._looking = threading.RLock()
        self._troubles: dict[tuple[str, int | None], str] = {}

    def _before_fork(self) -> None:
        """Let a look end first: the child must not inherit a module that is half imported, or a file half written."""
        self._waited = self._looking.acquire(timeout=_PATIENCE_S)

    def _after_fork(self) -> None:
        if self._waited:
            self._looking.release()

    def _forked(self) -> None:
        self._start_anew()
        for guard in list(self._guards):
            guard.forked()

    def watch(self, guard: Guarded) -> None:
        """Look after a guard as long as it lives."""
        with self._lock:
            self._guards.add(guard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="paramedic-guard", daemon=True)
                self._thread.start()

    def leave(self, guard: Guarded) -> None:
        """Look after a guard no longer; a look that has begun ends first, so that none touches what is closed now."""
        with self._lock:
            self._guards.discard(guard)
        if self._looking.acquire(timeout=_PATIENCE_S):
            self._looking.release()

    def guards(self) -> list[Any]:
        """What is looked after now, by kind and name."""
        with self._lock:
            return sorted(self._guards, key=lambda guard: (guard.kind, guard.name))

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def _run(self) -> None:
        wake = self._wake
        while self._thread is threading.current_thread():  # until another has taken its place
            self.look()
            wake.wait(INTERVAL_S)
            wake.clear()

    def look(self) -> None:
        """One look: orders first, then every guard, then what is shown outside. One part's trouble is not another's."""
        with self._looking:
            guards = self.guards()
            self._try("orders", lambda: self._at_post().carry_out_orders(guards))
            for guard in guards:
                self._try(f"{guard.kind} {guard.name}", guard.tick, id(guard))
            self._try("report", lambda: self._at_post().show(guards))
            if "opentelemetry.sdk.metrics" in sys.modules:
                self._try("metrics", lambda: _export(guards))

    def _at_post(self) -> "Post":
        if self._post is None:
            from paramedic.guard.post import Post

            self._post = Post()
        return self._post

    def _try(self, what: str, act: Callable[[], object], which: int | None = None) -> None:
        try:
            act()
        except Exception as error:  # boundary: a guard works without the world outside; each trouble is told once
            if repr(error) != self._troubles.get((what, which)) and not sys.is_finalizing():
                import logging

                logging.getLogger("paramedic.guard").warning("the watcher cannot look after `%s`: %r", what, error)
            self._troubles[what, which] = repr(error)
        else:
            self._troubles.pop((what, which), None)


def _export(guards: list[Any]) -> None:
    from paramedic.guard.telemetry import export

    export(guards)


WATCHER = Watcher()
