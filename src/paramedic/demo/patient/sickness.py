"""Real troubles of the ``api`` process, which last until it is restarted. Only this machine may ask for them."""

import gc
import itertools
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

_MB = 1024 * 1024
_TURN_S = 0.05
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(kw_only=True)
class Sickness:
    """What is wrong with this process."""

    failing_share: float = 0.0
    """Which part of all requests is answered with 500."""
    descriptors: list[int] = field(default_factory=list)
    """Files that were opened and never closed."""
    ballast: list[bytearray] = field(default_factory=list)
    """Memory that nobody gives back."""
    cache: list[bytearray] = field(default_factory=list)
    """Memory that is given back when somebody asks for it."""
    drops_sockets_after_s: float = 0.0
    """After how many seconds every WebSocket is closed; never where it is zero."""
    ignores_pings: bool = False
    """Whether a ping over a WebSocket stays without its pong."""
    busy_share: float = 0.0
    """Which part of the time a thread keeps one core busy; 1 never rests."""
    cuts: int = 0
    """How many of the next calls to the model are cut off on their way."""
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def fails_now(self) -> bool:
        """Whether the next request is one of those that fail; they are spread evenly."""
        turn = next(self._turn)
        return int((turn + 1) * self.failing_share) > int(turn * self.failing_share)

    def leak_descriptors(self, count: int) -> None:
        """Open files and forget them."""
        self.descriptors.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(count))

    def grow(self, megabytes: int, *, giving_back: bool) -> None:
        """Take memory and really use it, bit by bit so that others are answered meanwhile."""
        for _ in range(megabytes):
            (self.cache if giving_back else self.ballast).append(bytearray(b"x") * _MB)
            time.sleep(0.001)

    def work(self, share: float) -> None:
        """Keep a core busy for a share of the time from now on, until told otherwise."""
        is_working, self.busy_share = self.busy_share > 0, share
        if share > 0 and not is_working:
            threading.Thread(target=self._work, name="calculates", daemon=True).start()

    def _work(self) -> None:
        while (share := self.busy_share) > 0:
            until = time.thread_time() + _TURN_S * min(share, 1.0)
            while time.thread_time() < until:
                sum(range(100))
            if share < 1:
                time.sleep(_TURN_S * (1 - share))

    def cut_if_wished(self) -> None:
        """Lose the connection to the model, as long as it is wished.

        Raises:
            ConnectionResetError: it was lost.
        """
        if self.cuts > 0:
            self.cuts -= 1
            raise ConnectionResetError("cut off on the way to the model")

    def give_back(self) -> None:
        """Empty the caches."""
        self.cache.clear()
        gc.collect()


class FailingShare:
    """ASGI middleware: answers 500 to a share of the requests, whatever they ask for."""

    def __init__(self, app: Any, sickness: Sickness) -> None:  # Any: ASGI is an untyped protocol
        self.app = app
        self.sickness = sickness

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # Any: see above
        """Fail, or pass on."""
        if scope["type"] == "http" and not scope["path"].startswith("/sickness") and self.sickness.fails_now():
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"the connection pool is in a bad state\n"})
            return
        await self.app(scope, receive, send)


def is_loopback(host: str | None) -> bool:
    """Whether the caller is on this machine."""
    return host in _LOOPBACK
