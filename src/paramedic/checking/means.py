"""Whether this program itself has what any look needs."""

import errno
import os

_SPENT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def lacking() -> str | None:
    """What it has run out of, in words: without a free file descriptor every process and file looks as if gone."""
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return (error.strerror or str(error)).lower() if error.errno in _SPENT else None
    return None
