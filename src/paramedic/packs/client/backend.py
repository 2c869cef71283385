"""What a backend says about its clients."""

import json
from collections.abc import Mapping

from paramedic.model.clock import Clock
from paramedic.packs.http.answer import Answer
from paramedic.packs.http.exchange import Client as Asking
from paramedic.packs.http.request import Request
from paramedic.sdk import Secret


class Strange(Exception):
    """The backend answers, but not what was asked for."""


async def ask(url: str, limit_s: float, clock: Clock, token: str | None = None) -> Answer:
    """One answer. Raises ``NoAnswer`` where there is none."""
    headers = {"Authorization": Secret(f"Bearer {token}")} if token else {}
    async with Asking(clock) as asking:
        return await asking.ask(Request(url=url, headers=headers, follows_redirects=token is None), limit_s)


async def told(url: str, limit_s: float, clock: Clock) -> Mapping[str, object]:
    """The JSON object that stands there.

    Raises:
        NoAnswer: there is no answer.
        Strange: it is none.
    """
    answer = await ask(url, limit_s, clock)
    if answer.status != 200:
        raise Strange(f"answered {answer.title}")
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, Mapping):
        raise Strange("answered no JSON object")
    return data
