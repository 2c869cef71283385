"""Tells a dead-man's switch that we live: silence is the alarm."""

import logging

from paramedic.model.clock import Clock
from paramedic.model.service import Settings
from paramedic.watch.jobs import reason

_log = logging.getLogger("paramedic.watch")


async def beat(settings: Settings, clock: Clock) -> None:
    """Call the heartbeat address for ever; a failure is logged, never fatal."""
    from aiohttp import ClientError, ClientSession, ClientTimeout

    if not settings.heartbeat_url:
        return
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        while True:
            try:
                async with session.get(settings.heartbeat_url) as answer:
                    if answer.status >= 400:
                        _log.warning("the heartbeat address answered %d", answer.status)
            except (ClientError, TimeoutError, OSError) as error:
                _log.warning("the heartbeat did not arrive: %s", reason(error))
            await clock.sleep(settings.heartbeat_interval_s)
