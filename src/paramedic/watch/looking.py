"""Looks for the sake of one incident: before something is done about it, and after."""

import asyncio
from collections.abc import Iterable

from paramedic.model.incident import Incident
from paramedic.recovery.planning import Bench, may_come_from_elsewhere
from paramedic.watch.triage import Triage

_SWEEP_S = 3.0
_SETTLE_S = 5.0
"""How long dependants may take to notice that what they need is back."""


async def look_around(bench: Bench, triage: Triage, incident: Incident) -> None:
    """Look at what it may come from and was changed since, and wider where that may be overlooked.

    A symptom by nature may come from elsewhere; where an attempt was not the end, something was overlooked.
    """
    await _look_at(bench, await triage.news(incident), _SWEEP_S)
    if not bench.service.settings.auto_diagnostic_on_error:
        return
    if incident.tried or may_come_from_elsewhere(bench, incident.component, triage.code(incident.code)):
        service = bench.service
        await _look_at(bench, (incident.component, *service.needs(incident.component), *service.hosts()), _SWEEP_S)


async def settle(bench: Bench, triage: Triage, incident: Incident) -> None:
    """Look at its symptoms until all are over, or no longer than dependants may need."""
    clock = bench.clock
    deadline = clock.monotonic() + _SETTLE_S
    while True:
        incident = triage.incidents.get(incident.id, incident)
        if triage.is_over(incident):
            return
        await _look_at(bench, (each.component for each in incident.symptoms), _SETTLE_S)
        if clock.monotonic() >= deadline or triage.is_over(incident):
            return
        await clock.sleep(0.1)


async def _look_at(bench: Bench, names: Iterable[str], within_s: float) -> None:
    """Look at components now; what does not answer in time is looked at later by its timer."""
    wanted = [name for name in dict.fromkeys(names) if name in bench.service.components]
    looks = [asyncio.ensure_future(bench.look(name)) for name in wanted]
    if looks:
        _, late = await asyncio.wait(looks, timeout=within_s)
        for each in late:
            each.cancel()
