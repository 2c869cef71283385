"""Components that use a file while it is about to be replaced: stopped before, started again on every path."""

from collections.abc import Sequence

from paramedic.model.component import Component, Desired
from paramedic.sdk.context import ActContext
from paramedic.sdk.ports import ActionFailed


def running(context: ActContext, *, with_itself: bool = True) -> tuple[str, ...]:
    """Components that Paramedic starts, that run, and that use the file; each after what it depends on.

    Without the component itself where it is a server that must go on: it is asked to replace its own data.
    """
    mine = context.component.name
    return tuple(
        name
        for name in context.service.start_order()
        if ((with_itself and name == mine) or mine in context.service.components[name].depends_on)
        and _is_managed(context.service.components[name])
        and context.processes.facts(context.service.components[name]).pid
    )


async def stop(context: ActContext, names: Sequence[str]) -> None:
    """Stop them, callers before what they call."""
    for name in reversed(names):
        context.stopped.append(name)
        context.on_stop(name)
        await context.processes.stop(context.service.components[name])


async def start(context: ActContext, names: Sequence[str]) -> None:
    """Start those that do not run. Every one is tried before the first failure is told."""
    failed: list[str] = []
    for name in names:
        component = context.service.components.get(name)
        if component is None:
            continue
        facts = context.processes.facts(component)
        if facts.pid or facts.desired is Desired.STOPPED:
            continue
        try:
            await context.processes.start(component, f"{context.token}.{name}")
        except ActionFailed as error:
            failed.append(f"`{name}`: {error}")
    if failed:
        raise ActionFailed(f"could not be started again: {'; '.join(failed)}")


def _is_managed(component: Component) -> bool:
    return component.process is not None and component.process.is_managed
