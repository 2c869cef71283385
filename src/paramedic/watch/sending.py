"""Messages to addresses: a web hook is posted to by ourselves, everything else goes through Apprise."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.report.redaction import Redactor
from paramedic.sdk.blocking import in_thread
from paramedic.watch.jobs import reason

logging.getLogger("apprise").propagate = False  # what it says is our reason, and said once
_TIMEOUT_S = 10.0
_HEAD = ("id", "kind", "subject")
_HOOKS = {"json": "http", "jsons": "https", "http": "http", "https": "https"}


async def send(address: str, subject: str, payload: Mapping[str, Json], redactor: Redactor) -> str:
    """Empty when it arrived, else why not. Nothing secret leaves, nor is said in the reason.

    Args:
        address: a URL; ``json://`` and ``http://`` and their ``s`` forms are posted to.
        subject: one line.
        payload: what a web hook gets; people get it as lines of text.
        redactor: what cleans both.
    """
    scheme, _, rest = address.partition("://")
    safe = redactor.data(dict(payload))
    if hook := _HOOKS.get(scheme.lower()):
        return redactor.text(await _post(f"{hook}://{rest}", safe))
    try:
        import apprise
    except ImportError:
        return f"`{scheme}:` addresses need Apprise (hint: install it with `pip install 'paramedic[notify]'`)"
    return redactor.text(await in_thread(_tell, apprise, address, redactor.text(subject), "\n".join(_lines(safe))))


async def send_all(service: Service, routes: Sequence[str], body: Mapping[str, Json]) -> list[tuple[str, str, str]]:
    """One message to every address of these routes, past the outbox: route, scheme, and why it did not arrive.

    Args:
        service: whose addresses they are.
        routes: names of ``escalation``.
        body: with a ``subject``.
    """
    redactor, message = Redactor(service.secrets), {"service": service.name, **body}
    found = []
    for route in routes:
        for address in service.escalation[route]:
            error = await send(address, str(body["subject"]), message, redactor)
            found.append((route, f"{address.partition('://')[0]}://…", error))
    return found


def _tell(apprise: Any, address: str, subject: str, text: str) -> str:  # Any: a module that is imported late
    service = apprise.Apprise()
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
        if not service.add(address):
            return "the address is not understood (hint: see Apprise's documentation of this service)"
        if service.notify(title=subject, body=text):
            return ""
        return " ".join(said.getvalue().split()) or "it was not accepted"


async def _post(address: str, payload: Json) -> str:
    from aiohttp import ClientError, ClientSession, ClientTimeout

    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=_TIMEOUT_S)) as session,
            session.post(address, json=payload) as answer,
        ):
            return "" if answer.status < 300 else f"the address answered {answer.status}"
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        return reason(error)


def _lines(payload: Json) -> list[str]:
    """For people: one line for each thing that is known, the most important first."""
    if not isinstance(payload, dict):
        return [str(payload)]
    lines = []
    for name, value in payload.items():
        if name in _HEAD:
            continue
        if isinstance(value, list) and value:
            lines += [f"{name}:", *(f"  - {each}" for each in value)]
        elif isinstance(value, dict) and value:
            lines += [f"{name}:", *(f"  {key}: {each}" for key, each in value.items())]
        elif value not in (None, "", [], {}):
            lines.append(f"{name}: {value}")
    return lines
