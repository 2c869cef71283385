"""The durable engine: DBOS remembers how far each plan has come; receipts say what has happened.

Receipts are the authority: where the cursor of DBOS is lost or cannot be written, a plan is carried out from its
receipts alone.
"""

import asyncio
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from paramedic.model.ids import PlanId
from paramedic.model.service import Service
from paramedic.recovery.executor import Ended, Executor, Result
from paramedic.store import pauses

_log = logging.getLogger("paramedic.recovery")
_FLOW_VERSION = "1"
"""Raised only when the order of phases changes, so that an upgrade goes on with running plans."""
_POLL_S = 0.2


class Engine(Protocol):
    """Runs committed plans to their end, whatever crashes."""

    async def launch(self) -> None:
        """Start, and go on with what a crash interrupted."""
        ...

    async def submit(self, plan: PlanId, steps: int) -> None:
        """Run a committed plan in the background, launching first where nobody did. Asking again changes nothing."""
        ...

    async def close(self) -> None:
        """Stop. What is under way goes on at the next launch."""
        ...


async def carry_out(phase: Callable[[str, int, str], Awaitable[str]], steps: int) -> None:
    """The order of phases of every plan: steps, verification, or else undo in reverse, and the end.

    It decides by the phases' answers alone, so that replaying them after a crash takes the same way.
    """
    reached, why, untold = 0, "", False
    for index in range(steps):
        reached = index + 1
        answer = await phase("do", index, "")
        if answer not in (Result.DONE, Result.WENT_ON):
            why, untold = f"step {index + 1} {answer}", answer == Result.UNTOLD
            break
    if not why:
        answer = await phase("verify", 0, "")
        if answer.startswith("yes:"):
            await phase("end", 1, answer.removeprefix("yes:"))
            return
        why = answer.removeprefix("no:")
    undone = True
    for index in reversed(range(reached)):
        undone = await phase("undo", index, "") == Result.DONE and undone
    await phase("end", -2 if untold else 0 if undone else -1, why)


class DurableEngine:
    """The engine on DBOS, in the service's state directory or in its Postgres."""

    def __init__(self, service: Service, executor: Executor) -> None:
        self._service = service
        self._executor = executor
        self._start: Callable[[str, int], Awaitable[Awaitable[None]]] | None = None
        self._is_launched = False
        self._launching = asyncio.Lock()
        self._plans: dict[PlanId, asyncio.Task[None]] = {}
        self._turns: defaultdict[PlanId, asyncio.Lock] = defaultdict(asyncio.Lock)
        """One phase of a plan at a time, whoever asks for it."""

    async def launch(self) -> None:
        async with self._launching:
            if not self._is_launched:
                await self._launch()
                self._is_launched = True

    async def _launch(self) -> None:
        loop = asyncio.get_running_loop()

        async def phase(plan: str, name: str, index: int, text: str) -> str:
            # A recovered workflow runs on a loop of DBOS's; processes and the store belong to ours.
            call = asyncio.run_coroutine_threadsafe(self._phase(PlanId(plan), name, index, text), loop)
            return await asyncio.wrap_future(call)

        try:
            self._start = await asyncio.to_thread(_launch_dbos, self._service, phase)
        except Exception as error:  # a boundary: DBOS raises many kinds
            self._start = await self._launch_again(error, phase)

    async def submit(self, plan: PlanId, steps: int) -> None:
        if plan not in self._plans:
            task = self._plans[plan] = asyncio.create_task(self._see_through(plan, steps), name=f"engine {plan}")
            task.add_done_callback(lambda _: self._forget(plan))

    async def close(self) -> None:
        tasks = list(self._plans.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._start is not None:
            self._start = None
            await asyncio.to_thread(_end_dbos)

    def _forget(self, plan: PlanId) -> None:
        self._plans.pop(plan, None)
        self._turns.pop(plan, None)

    async def _see_through(self, plan: PlanId, steps: int) -> None:
        try:
            await self.launch()
            if self._start is not None:
                await (await self._start(plan, steps))
                if await self._executor.is_over(plan):
                    return
                _log.warning("the engine takes %s for done; its receipts do not, so it goes on", plan)
        except Exception as error:  # a boundary: DBOS raises many kinds
            _log.warning("the engine lost its place in %s; its receipts say where to go on: %s", plan, _line(error))
        for pause_s in pauses():
            try:
                await carry_out(lambda name, index, text: self._phase(plan, name, index, text), steps)
            except Exception as error:  # a boundary: a plan has an end, whatever happens to us
                _log.error("%s could not go on and is tried again: %s", plan, _line(error), exc_info=error)
                await asyncio.sleep(pause_s)
            else:
                return

    async def _phase(self, plan: PlanId, name: str, index: int, text: str) -> str:
        async with self._turns[plan]:
            match name:
                case "do":
                    return await self._executor.do(plan, index)
                case "undo":
                    return await self._executor.undo(plan, index)
                case "verify":
                    good, why = await self._executor.verify(plan)
                    return f"{'yes' if good else 'no'}:{why}"
            ended = Ended(plan=plan, verified=index == 1, undone=index >= 0, untold=index == -2, why=text)
            await self._executor.end(ended)
            return Result.DONE

    async def _launch_again(
        self, error: Exception, phase: Callable[[str, str, int, str], Awaitable[str]]
    ) -> Callable[[str, int], Awaitable[Awaitable[None]]] | None:
        """With a new file where the old one is damaged; without the cursor where that does not help either."""
        await asyncio.to_thread(_end_dbos)
        path = engine_file(self._service)
        if path is not None and _is_damaged(error, path):
            try:
                aside = _set_aside(path, self._executor.now())
                _log.warning("`%s` is damaged and was moved to `%s`; receipts say where to go on", path, aside.name)
                return await asyncio.to_thread(_launch_dbos, self._service, phase)
            except Exception as again:  # a boundary: as above
                error = again
                await asyncio.to_thread(_end_dbos)
        _log.warning("the engine has no place for its cursor; plans go by their receipts alone: %s", _line(error))
        return None


_phase: Callable[[str, str, int, str], Awaitable[str]] | None = None
_workflow: Any = None  # Any: the function as DBOS wraps it; one a process, because DBOS is


def _launch_dbos(
    service: Service, phase: Callable[[str, str, int, str], Awaitable[str]]
) -> Callable[[str, int], Awaitable[Awaitable[None]]]:
    global _phase, _workflow  # noqa: PLW0603  # DBOS keeps one registry a process
    from dbos import DBOS, DBOSConfig, SetWorkflowID
    from dbos._serialization import DBOSPortableJSONSerializer

    _phase = phase
    if _workflow is None:

        @DBOS.step(name="paramedic.phase")
        async def step(plan: str, name: str, index: int, text: str) -> str:
            assert _phase is not None
            return str(await _phase(plan, name, index, text))

        @DBOS.workflow(name="paramedic.plan")
        async def workflow(plan: str, steps: int) -> None:
            await carry_out(lambda name, index, text: step(plan, name, index, text), steps)

        _workflow = workflow
    config: DBOSConfig = {
        "name": "paramedic",
        "system_database_url": engine_url(service),
        "application_version": _FLOW_VERSION,
        "executor_id": service.settings.node,
        "log_level": "CRITICAL",
        "serializer": DBOSPortableJSONSerializer(),
    }
    DBOS(config=config)
    DBOS.launch()

    async def start(plan: str, steps: int) -> Awaitable[None]:
        with SetWorkflowID(plan):
            handle = await DBOS.start_workflow_async(_workflow, plan, steps)
        return handle.get_result(polling_interval_sec=_POLL_S)

    return start


def _end_dbos() -> None:
    from dbos import DBOS

    DBOS.destroy(workflow_completion_timeout_sec=0)


def engine_url(service: Service) -> str:
    """Where the engine keeps its cursor: the service's Postgres, or a file beside the SQLite store."""
    path = engine_file(service)
    if path is not None:
        return f"sqlite:///{path}"
    return service.settings.store.replace("postgresql+psycopg://", "postgresql://", 1)


def engine_file(service: Service) -> Path | None:
    """The file of the cursor, where it is one."""
    is_server = service.settings.store.startswith("postgres")
    return None if is_server else service.settings.state_dir / "engine.sqlite"


def _is_damaged(error: BaseException, path: Path) -> bool:
    """Whether the file itself is to blame, and not a full disk, a missing right or somebody who holds it."""
    if path.is_dir():
        return True
    names = [str(getattr(each, "sqlite_errorname", "")) for each in _causes(error)]
    return any(name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")) for name in names)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        origin = getattr(seen, "orig", None)  # how SQLAlchemy keeps what the driver raised
        if isinstance(origin, sqlite3.Error):
            yield origin
        seen = seen.__cause__ or seen.__context__


def _set_aside(path: Path, at: datetime) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%S%f}")
    path.rename(aside)
    for companion in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    return aside


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
