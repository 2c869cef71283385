"""Whether this program itself has what any look needs."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_SPENT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_reserved: list[str] = []


def lacking() -> str | None:
    """What it has run out of, in words: without a free file descriptor every process and file looks as if gone."""
    if _reserved:
        return _reserved[0]
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return (error.strerror or str(error)).lower() if error.errno in _SPENT else None
    return None


@contextmanager
def reserved(short: str) -> Iterator[None]:
    """While a last reserve is given up for something else, looks go on to lack it, and what they find is not believed.

    Args:
        short: what is lacking, in words.
    """
    _reserved.append(short)
    try:
        yield
    finally:
        _reserved.remove(short)
