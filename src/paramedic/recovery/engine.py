"""The durable engine: DBOS remembers how far each plan has come; receipts say what has happened."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from paramedic.model.errors import StoreError
from paramedic.model.ids import PlanId
from paramedic.model.service import Service
from paramedic.recovery.executor import Ended, Executor, Result

_FLOW_VERSION = "1"
"""Raised only when the order of phases changes, so that an upgrade goes on with running plans."""


class Engine(Protocol):
    """Runs committed plans to their end, whatever crashes."""

    async def launch(self) -> None:
        """Start, and go on with what a crash interrupted."""
        ...

    async def submit(self, plan: PlanId, steps: int) -> None:
        """Run a committed plan. Asking again for the same plan changes nothing."""
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
        if answer != Result.DONE:
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
        self._start: Callable[[str, int], Awaitable[None]] | None = None

    async def launch(self) -> None:
        loop = asyncio.get_running_loop()

        async def phase(plan: str, name: str, index: int, text: str) -> str:
            # A recovered workflow runs on a loop of DBOS's; processes and the store belong to ours.
            call = asyncio.run_coroutine_threadsafe(self._phase(PlanId(plan), name, index, text), loop)
            return await asyncio.wrap_future(call)

        try:
            self._start = await asyncio.to_thread(_launch_dbos, self._service, phase)
        except Exception as error:  # a boundary: DBOS raises many kinds
            raise StoreError(f"the engine did not start: {error}") from error

    async def submit(self, plan: PlanId, steps: int) -> None:
        assert self._start is not None, "launch() comes first"
        await self._start(plan, steps)

    async def close(self) -> None:
        if self._start is not None:
            from dbos import DBOS

            self._start = None
            await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)

    async def _phase(self, plan: PlanId, name: str, index: int, text: str) -> str:
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


_phase: Callable[[str, str, int, str], Awaitable[str]] | None = None
_workflow: Any = None  # Any: the function as DBOS wraps it; one a process, because DBOS is


def _launch_dbos(
    service: Service, phase: Callable[[str, str, int, str], Awaitable[str]]
) -> Callable[[str, int], Awaitable[None]]:
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

    async def start(plan: str, steps: int) -> None:
        with SetWorkflowID(plan):
            await DBOS.start_workflow_async(_workflow, plan, steps)

    return start


def engine_url(service: Service) -> str:
    """Where the engine keeps its cursor: the service's Postgres, or a file beside the SQLite store."""
    store = service.settings.store
    if store.startswith("postgresql"):
        return store.replace("postgresql+psycopg://", "postgresql://", 1)
    return f"sqlite:///{service.settings.state_dir / 'engine.sqlite'}"
