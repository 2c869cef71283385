"""Why nobody gets into a server that is asked through a driver, and the findings that all such servers share."""

import errno
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import TypeVar

from paramedic.packs.tcp.checks import name_without_address
from paramedic.packs.tcp.connect import NO_WAY
from paramedic.packs.tcp.remedy import how_to_start, who_listens
from paramedic.sdk import ActContext, Code, Context, Finding
from paramedic.sdk.dsn import Login

_OURS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOMEM, errno.ENOBUFS}
_REFUSED = {errno.ECONNREFUSED, errno.ENOENT}
_FULL_S, _AGAIN_S = 5.0, 0.1
_T = TypeVar("_T")
_NUMBER = re.compile(r"\[Errno (\d+)\]")


class Why(StrEnum):
    """Why nobody gets in."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    AUTH = "auth"
    MISSING = "missing"
    FULL = "full"
    NOT_READY = "not-ready"
    LOADING = "loading"
    UNRESOLVED = "unresolved"
    NO_DRIVER = "no-driver"
    FORBIDDEN = "forbidden"
    """It lets us in, but we may not see what we ask for."""
    UNKNOWN_WORDS = "unknown-words"
    """It lets us in and does not know what we ask for."""
    OURS = "ours"
    """This machine could not even try."""


class Shut(Exception):
    """There is no connection; the message is what the server, or the way to it, said."""

    def __init__(self, why: Why, said: str) -> None:
        super().__init__(said)
        self.why = why


async def let_in(enter: Callable[[], Awaitable[_T]], context: ActContext) -> _T:
    """Enter a server to act on it, and wait a little where it is full.

    It keeps a place or two for its administrators, and one of our own looks may sit there.

    Raises:
        Shut: it let us not in, for so long where it is full.
    """
    until = context.clock.monotonic() + min(context.limit_s / 2, _FULL_S)
    while True:
        try:
            return await enter()
        except Shut as shut:
            if shut.why is not Why.FULL or context.clock.monotonic() >= until:
                raise
        await context.clock.sleep(_AGAIN_S)


def by_cause(error: BaseException) -> Why | None:
    """What the operating system said, somewhere below the error of a driver; ``None`` where it said nothing."""
    below = tuple(_below(error))
    numbers = {int(each) for one in below for each in _NUMBER.findall(str(one))}
    numbers |= {one.errno for one in below if isinstance(one, OSError) and one.errno}
    if any(isinstance(one, socket.gaierror) for one in below):
        return Why.UNRESOLVED
    if numbers & _REFUSED:
        return Why.REFUSED
    if numbers & _OURS:
        return Why.OURS
    if numbers & NO_WAY or any(isinstance(one, TimeoutError) for one in below):
        return Why.TIMEOUT
    return None


def _below(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            yield each
            # PyMySQL keeps its cause in a field of its own.
            waiting += [each.__cause__, each.__context__, getattr(each, "original_exception", None)]


def no_entry(
    shut: Shut, login: Login, context: Context, *, product: str, extra: str, refused: Code, timeout: Code
) -> Finding | None:
    """The finding where the way to the server is to blame, or we are; ``None`` where the server itself spoke.

    Args:
        shut: what happened.
        login: where we wanted to go.
        context: of this look.
        product: the server's name for people, such as ``PostgreSQL``.
        extra: the extra of Paramedic that brings its driver.
        refused: the code for a closed port.
        timeout: the code for silence.
    """
    match shut.why:
        case Why.NO_DRIVER:
            return context.unknown(str(shut), hint=f"install it with `pip install 'paramedic[{extra}]'`")
        case Why.OURS:
            return context.unknown(
                f"this machine could not open a connection: {shut}",
                hint="look at this machine's own limits with `ulimit -n` and `ss -s`",
            )
        case Why.UNRESOLVED:
            return name_without_address(login.host, str(shut), context)
        case Why.REFUSED:
            return context.critical(
                refused,
                observed=f"`{login.place}` refused the connection",
                expected=f"a listening {product}",
                because="the machine answers, so it is up and no server listens there",
                hint=f"{how_to_start(context.component)}, or correct the address; "
                f"{who_listens(login.port)} shows who listens",
            )
        case Why.TIMEOUT:
            return context.critical(
                timeout,
                observed=f"`{login.place}` gave {shut}",
                expected="an answer to a query",
                because="a stopped server would have refused at once",
                hint="see whether the server hangs (its log, `ps -o stat`), and the proxy or network in between",
            )
        case _:
            return None


def not_looked(shut: Shut, context: Context, *, extra: str, grant: str = "") -> Finding:
    """What a further check of the same server says: another one tells why nobody gets in.

    Args:
        shut: what happened.
        context: of this look.
        extra: the extra of Paramedic that brings the driver.
        grant: how a person gives the right that this look needs.
    """
    if shut.why is Why.NO_DRIVER:
        return context.unknown(str(shut), hint=f"install it with `pip install 'paramedic[{extra}]'`")
    if shut.why is Why.FORBIDDEN:
        return context.unknown(f"our user may not see this: {shut}", hint=grant or None)
    return context.info("not looked at: the server lets nobody in")
