"""A watch that ends by itself tells people that nobody looks after the service any more, and later that it is back."""

import logging
from contextlib import suppress
from pathlib import Path

from paramedic.incident import levels
from paramedic.model.clock import SystemClock
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.watch.jobs import said
from paramedic.watch.sending import send_all

_log = logging.getLogger("paramedic.watch")
_AGAIN_AFTER_S = 3600.0
"""Whoever starts it again and again, as a service manager does, is not to call people each time."""


async def say_it_ended(service: Service, error: Exception) -> None:
    """Call every level at once, past the store, which may be what failed; at most once an hour."""
    told = _told(service)
    with suppress(OSError):
        if 0 <= SystemClock().now().timestamp() - told.stat().st_mtime < _AGAIN_AFTER_S:
            return
    after = "what runs goes on running; nothing is noticed, healed or told until `paramedic watch` runs again"
    if await _call(service, "watch-ended", "nobody watches it any more", {"why": said(error), "meanwhile": after}):
        with suppress(OSError):  # a folder that is gone or full: then we rather tell twice than never
            told.touch()


async def say_it_is_back(service: Service) -> None:
    """Take the call back, where there was one."""
    told = _told(service)
    if told.exists() and await _call(service, "watch-back", "it is watched again", {}):
        told.unlink(missing_ok=True)


async def _call(service: Service, kind: str, what: str, more: dict[str, Json]) -> bool:
    """Whether anybody was reached."""
    if not service.settings.error_reporting:
        return False
    subject = f"{service.name}: {what}"
    found = await send_all(service, levels(service), {"kind": kind, "subject": subject, **more})
    for route, place, error in found:
        if error:
            _log.warning("%s (%s) was not told that %s: %s", place, route, what, error)
    return any(not error for _, _, error in found)


def _told(service: Service) -> Path:
    return service.settings.state_dir / "told-that-watch-ended"
