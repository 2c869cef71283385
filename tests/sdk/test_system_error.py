"""Failures of the operating system in words for people."""

import asyncio
import errno
import socket

import pytest

from paramedic.sdk.system_error import in_words


async def test_a_refused_connection_is_told_in_two_words() -> None:
    """Neither one address nor several bring brackets along."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]  # bound, so that nobody else takes it, and not listening
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(OSError, match="Connect call failed") as refused:
                await asyncio.open_connection(host, port)
            assert in_words(refused.value) == "connection refused"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "no space left on device"),
        (
            OSError("Multiple exceptions: [Errno 111] a, [Errno 113] b, [Errno 111] c"),
            "connection refused, no route to host",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("odd"), "odd"),
        (OSError(), "OSError"),
    ],
)
def test_what_is_known_is_said_and_nothing_else(error: OSError, words: str) -> None:
    """The system's word for its number; what has no number keeps its own."""
    assert in_words(error) == words
