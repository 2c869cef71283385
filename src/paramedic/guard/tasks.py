"""Calls to a dependency that is down: kept in a file, made again with backoff, given up to a list that people read.

A call runs at least once until it is acknowledged (its handler returned and that was committed), and never after.
Between the two a kill can make it run again: so every run gets the same ``task_id``, by which the other side can tell.
"""

import inspect
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from threading import Event, Thread, current_thread
from typing import Any

from paramedic.guard.breaker import CircuitBreaker
from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_name, is_number, is_whole
from paramedic.guard.errors import CircuitOpen
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.task_file import Task, TaskFile
from paramedic.guard.watcher import WATCHER
from paramedic.guard.wrapping import is_async

Handler = Callable[..., Any]  # Any: whatever JSON values it takes; what it returns is not kept
_IDLE_S = 0.5
_RECLAIM_S = 2.0


class FailedTaskQueue:
    """A persistent queue of calls.

    >>> queue = FailedTaskQueue("/tmp/calls.sqlite", handlers={"deliver": deliver})  # doctest: +SKIP
    >>> queue.call("deliver", order=7)  # tries now, keeps the call if that fails  # doctest: +SKIP
    >>> queue.start()  # makes the kept ones in the background  # doctest: +SKIP
    """

    kind = "tasks"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        handlers: Mapping[str, Handler] | None = None,
        max_retries: int = 5,
        backoff_s: float = 1.0,
        max_backoff_s: float = 300.0,
        breaker: CircuitBreaker | None = None,
        name: str = "tasks",
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
        seed: int | None = None,
    ) -> None:
        """The n-th retry waits ``backoff_s * 2**(n-1)`` seconds, at most `max_backoff_s`, shortened by up to half.

        With a `breaker` no call is made while it is open, and everything is due when it closes.
        """
        if not is_whole(max_retries):
            raise ValueError(f"`max_retries` is at least 1, a whole number, not `{max_retries}`")
        if not is_number(backoff_s) or not is_number(max_backoff_s, backoff_s):
            raise ValueError("`backoff_s` is at least 0 and at most `max_backoff_s`")
        self.name = check_name(name)
        self.max_retries = max_retries
        self.backoff_s = backoff_s
        self.max_backoff_s = max_backoff_s
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._handlers: dict[str, tuple[Handler, bool]] = {}
        for each, handler in (handlers or {}).items():
            self.handle(each, handler)
        self._breaker = breaker
        if breaker is not None:
            breaker.listen(self._hear)
        self._clock = clock
        self._random = Random(seed)
        self._threads: list[Thread] = []
        self._stopping = Event()
        self._wake = Event()
        self._reclaim_at = float("-inf")
        self._watched = False
        self._file = TaskFile(Path(path).absolute())
        if self._file.set_aside is not None:
            self._event(
                "state_corrupt", f"`{self._file.path}` is damaged; it was set aside as `{self._file.set_aside.name}`"
            )

    # ------------------------------------------------------------------ giving it calls

    def handle(self, name: str, handler: Handler) -> None:
        """Say what makes the calls of this name; it gets ``task_id`` if it has such a parameter."""
        parameters = inspect.signature(handler).parameters.values()
        wants_id = any(each.name == "task_id" or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
        self._handlers[name] = (handler, wants_id)

    def add(self, name: str, /, *args: Any, task_id: str | None = None, **kwargs: Any) -> str:
        """Keep a call to be made soon; when this returns it survives kill -9. Arguments are plain JSON values.

        The id may be given, so that a caller that was killed can ask again without a second call.
        """
        return self._add(name, args, kwargs, task_id or secrets.token_hex(12), 0.0)

    def call(self, name: str, /, *args: Any, task_id: str | None = None, **kwargs: Any) -> Any:
        """Make a call now; keep it if that fails, and then return ``None``. What cannot be kept is raised.

        Where an event loop runs, a call of an async handler is given as a coroutine to await.
        """
        task_id = task_id or secrets.token_hex(12)
        json.dumps([args, kwargs])
        task = Task(id=task_id, handler=name, args=args, kwargs=kwargs, runs=0, added=0.0, error=None)
        if name in self._handlers and is_async(self._handlers[name][0]) and _in_a_loop():
            return self._call_async(task)
        try:
            made = self._begin(task)
            if not (inspect.isawaitable(made) and _in_a_loop()):
                return _whole(made)
        except Exception as error:
            return self._kept(task, error)
        return self._call_async(task, made)

    async def _call_async(self, task: Task, made: Any = None) -> Any:
        try:
            return await (self._begin(task) if made is None else made)
        except Exception as error:
            return self._kept(task, error)

    def _kept(self, task: Task, error: Exception) -> None:
        self._add(task.handler, task.args, task.kwargs, task.id, self.backoff_s)
        self._event("kept", f"`{task.handler}` failed with {_named(error)}")

    def _add(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], task_id: str, wait_s: float) -> str:
        if name not in self._handlers:
            raise ValueError(f"nothing handles `{name}`")
        if not self._watched:
            self._begin_watch()
        now = self._clock.wall()
        self._file.add(task_id, name, json.dumps([args, kwargs]), now, now + wait_s)
        self._wake.set()
        return task_id

    # ------------------------------------------------------------------ making them

    def run_due(self) -> int:
        """Make every call that is due, one after the other; how many were acknowledged."""
        if not self._watched:
            self._begin_watch()
        done = 0
        self._reclaim()
        while not self._stopping.is_set() and not self._down():
            now = self._clock.wall()
            task = self._file.claim(now, now + self.max_backoff_s)
            if task is None:
                break
            done += self._run(task)
        return done

    def start(self, workers: int = 1) -> None:
        """Make calls in the background as they fall due."""
        self._stopping.clear()
        for number in range(workers):
            thread = Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the background work after the calls that run now. A handler may say it, too."""
        self._stopping.set()
        self._wake.set()
        others = [each for each in self._threads if each is not current_thread()]
        for thread in others:
            thread.join()
        if others == self._threads:  # else the worker that runs the handler has yet to see it
            self._stopping.clear()
        self._threads = []

    def close(self) -> None:
        """Stop, and close the file; the next use opens it again."""
        self.stop()
        WATCHER.leave(self)
        self._watched = False
        self._file.close()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.run_due()
                due = self._file.next_due()
            except Exception as error:  # boundary: a full disk or a locked file passes
                self._event("trouble", f"the queue cannot be worked on: {_named(error)}")
                due = None
            wait = _IDLE_S if due is None or self._down() else min(_IDLE_S, due - self._clock.wall())
            self._wake.wait(wait)
            self._wake.clear()  # not before the work: what is said meanwhile, `stop` too, is heard

    def _run(self, task: Task) -> bool:
        try:
            _whole(self._begin(task))
        except CircuitOpen:
            self._file.give_back(task.id, self._clock.wall() + self.backoff_s, None, uncounted=True)
            return False
        except Exception as error:
            self._failed(task, error)
            return False
        except BaseException:  # the program is told to end: this time was none
            self._file.give_back(task.id, self._clock.wall(), None, uncounted=True)
            raise
        self._file.acknowledge(task.id, self._clock.wall())
        return True

    def _begin(self, task: Task) -> Any:
        """What the handler returns: the result, or what is to be awaited for it."""
        if task.handler not in self._handlers:
            raise LookupError(f"nothing handles `{task.handler}`")
        handler, wants_id = self._handlers[task.handler]
        kwargs = task.kwargs | ({"task_id": task.id} if wants_id else {})
        make = handler if self._breaker is None else self._breaker(handler)
        return make(*task.args, **kwargs)

    def _failed(self, task: Task, error: Exception) -> None:
        now = self._clock.wall()
        if task.runs >= self.max_retries:
            self._file.give_up(task.id, _named(error), now)
            self._event(
                "exhausted", f"`{task.handler}` ({task.id}) failed {task.runs} times, last with {_named(error)}"
            )
            return
        wait = min(self.max_backoff_s, self.backoff_s * 2.0 ** min(task.runs - 1, 60))
        self._file.give_back(task.id, now + wait * self._random.uniform(0.5, 1.0), _named(error))

    def _down(self) -> bool:
        return self._breaker is not None and self._breaker.state == "open"

    def _reclaim(self) -> None:
        now = self._clock.monotonic()
        if now >= self._reclaim_at:
            self._reclaim_at = now + _RECLAIM_S
            given_up = self._file.reclaim(self._clock.wall(), self.max_retries)
            if given_up:
                self._event("exhausted", f"{given_up} calls ended their process in every run")

    def _hear(self, event: GuardEvent) -> None:
        if event.kind == "closed":
            self.retry_now()

    # ------------------------------------------------------------------ people and programs

    def retry_now(self) -> None:
        """The dependency is back: everything that waits is due."""
        self._file.hasten(self._clock.wall())
        self._wake.set()

    def dead_letters(self) -> list[Task]:
        """The calls that were given up, oldest first."""
        return self._file.dead()

    def revive(self, task_id: str) -> bool:
        """Have a call that was given up tried again from the beginning; false if there is none."""
        revived = self._file.revive(task_id, self._clock.wall())
        self._wake.set()
        return revived

    def discard(self, task_id: str) -> bool:
        """Forget a call that was given up; false if there is none."""
        return self._file.discard(task_id)

    def counts(self) -> dict[str, int]:
        """How many calls are ``waiting``, ``running``, ``done`` (kept for a day), and ``dead``."""
        return self._file.counts()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``kept``, ``exhausted``, ``trouble`` and ``state_corrupt``; the returned function stops it."""
        return self.listeners.add(listener)

    def _event(self, kind: str, because: str) -> None:
        event = GuardEvent(guard="tasks", name=self.name, kind=kind, at=iso(self._clock.wall()) or "", because=because)
        announce(event, self.listeners)

    # ------------------------------------------------------------------ the watcher

    def _begin_watch(self) -> None:
        self._watched = True
        WATCHER.watch(self)

    def tick(self) -> None:
        """Nothing to look at: the workers do."""

    def report(self) -> dict[str, Any]:
        """What is shown outside the process."""
        dead = [
            {"id": each.id, "handler": each.handler, "runs": each.runs, "added": iso(each.added), "error": each.error}
            for each in self.dead_letters()[:100]
        ]
        return {
            "file": str(self._file.path),
            "max_retries": self.max_retries,
            "breaker": None if self._breaker is None else self._breaker.name,
            "breaker_state": None if self._breaker is None else self._breaker.state,
            **self.counts(),
            "waiting_since": iso(self._file.waiting_since()),
            "dead_letters": dead,
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``retry``, ``revive`` and ``discard`` with ``id``."""
        if verb == "retry":
            self.retry_now()
            return "done"
        if verb in ("revive", "discard"):
            found = (self.revive if verb == "revive" else self.discard)(str(settings["id"]))
            return "done" if found else "refused: no such call was given up"
        return f"refused: a queue knows no `{verb}`"

    def forked(self) -> None:
        """In the child of a fork: the threads stayed with the parent."""
        self._file.forked()
        self._threads = []
        self._stopping, self._wake = Event(), Event()
        self._watched = False


def _whole(made: Any) -> Any:
    """The result of a call, after waiting for it where it is awaitable; a loop that runs here knows nothing of it."""
    if not inspect.isawaitable(made):
        return made
    import asyncio

    async def wait() -> Any:
        return await made

    if not _in_a_loop():
        return asyncio.run(wait())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, wait()).result()


def _in_a_loop() -> bool:
    """Whether an event loop runs in this thread; one that was never imported does not."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
