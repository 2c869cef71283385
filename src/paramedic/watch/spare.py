"""Descriptors held back, and given up while people are called: even when there are no others, messages leave."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from paramedic.checking.means import lacking, reserved

_MANY = 32
"""A connection needs three; a service of messages that is imported now needs more."""


class Spare:
    """File descriptors that are worth nothing but their numbers."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._borrowers = 0
        self._take()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """For as long as this lasts they are free for use, where there are no others; looks go on to lack them."""
        short = lacking()
        if short is None:
            yield
            return
        self._borrowers += 1
        while self._held:
            os.close(self._held.pop())
        try:
            with reserved(short):
                yield
        finally:
            self._borrowers -= 1
            if not self._borrowers:
                self._take()

    def _take(self) -> None:
        with suppress(OSError):  # what cannot be had now is had after the next message
            while len(self._held) < _MANY:
                self._held.append(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
