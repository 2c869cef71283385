"""How a face gets something done: a command row, carried out by whoever owns the node, or by us if nobody does."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from paramedic.model.clock import SystemClock
from paramedic.model.errors import NodeBusy, NotNow, ParamedicError, PlanStale, Unusable, UsageError
from paramedic.model.ids import new_id
from paramedic.model.receipt import Command, CommandState
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.report.redaction import Redactor
from paramedic.sdk.pack import Registry
from paramedic.store import open_store
from paramedic.watch.commands import Commands
from paramedic.watch.delivery import Delivery
from paramedic.watch.node import Node
from paramedic.watch.spare import Spare

_POLL_S = 0.05
_WORDS = ("reason", "note")
"""Arguments in which people write what they like."""
_RETIRE_S = 10.0
"""For recoveries that a crash interrupted and that went on meanwhile."""
_WITHDRAWN: Mapping[str, Json] = {"error": "withdrawn"}


async def ask(service: Service, registry: Registry, verb: str, args: Mapping[str, Json], by: str) -> Mapping[str, Json]:
    """Have a command carried out exactly once and return its result.

    Where ``paramedic watch`` runs, it does it; where it dies meanwhile, or where none runs, this process takes over.

    Raises:
        ParamedicError: the command was refused; the message says why.
    """
    clock = SystemClock()
    settings = service.settings
    safe = Redactor(service.secrets)
    args = {name: safe.data(value) if name in _WORDS else value for name, value in args.items()}
    store = await asyncio.to_thread(open_store, settings.store, node=settings.node, clock=clock)
    try:
        command = Command(id=new_id("cmd", clock.now()), verb=verb, args=args, by=by, at=clock.now())
        await store.run(lambda tx: tx.commands.add(command))
        while True:
            now = await store.run(lambda tx: tx.commands.get(command.id))
            if now and now.state is CommandState.REFUSED:
                raise _refusal(now.result)
            if now and now.state is CommandState.DONE:
                return now.result
            try:
                await _carry_out(service, registry, command.id)
            except NodeBusy:
                await clock.sleep(_POLL_S)
    except asyncio.CancelledError:
        await store.run(lambda tx: tx.commands.save(replace(command, state=CommandState.REFUSED, result=_WITHDRAWN)))
        raise
    finally:
        store.close()


async def _carry_out(service: Service, registry: Registry, command: str) -> None:
    async with Node(service, registry, is_idle=True) as node:
        commands = Commands(node)
        await commands.take(command)
        await commands.finish()
        await node.attendant.retire(_RETIRE_S)
        await Delivery(node, Spare()).deliver_due()


def _refusal(result: Mapping[str, Json]) -> ParamedicError:
    hint = result.get("hint")
    kinds: tuple[type[ParamedicError], ...] = (UsageError, PlanStale, Unusable, NotNow)
    kind = next((each for each in kinds if each.exit_code == result.get("exit_code")), ParamedicError)
    return kind(str(result.get("error")), hint=str(hint) if hint else None)
