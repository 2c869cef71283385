"""Everything a Redis holds, as it sends it to a replica."""

import socket
import ssl
from pathlib import Path
from typing import BinaryIO

from paramedic.packs.redis.target import Redis
from paramedic.sdk.saving import BackupFailed

_CHUNK = 1 << 20
_LONGEST_LINE = 1024


def receive(server: Redis, dump: Path, limit_s: float) -> None:
    """Ask for everything (``SYNC``) and write it down as an RDB file.

    Raises:
        BackupFailed: the server does not send it.
    """
    login = server.login
    try:
        with socket.create_connection((login.host, login.port), timeout=min(10.0, limit_s)) as plain:
            plain.settimeout(limit_s)
            is_tls = login.scheme.partition("+")[0] in ("rediss", "valkeys")
            line = ssl.create_default_context().wrap_socket(plain, server_hostname=login.host) if is_tls else plain
            with line.makefile("rb") as answers, dump.open("wb") as file:
                if login.password:
                    words = [login.user or "default", login.password.reveal()]
                    line.sendall(_command("AUTH", *(words if login.user else words[1:])))
                    _line(answers)
                line.sendall(_command("SYNC"))
                _body(answers, file)
    except OSError as error:
        raise BackupFailed(f"`{login.place}` does not send what it holds: {error.strerror or error}") from None


def _body(answers: BinaryIO, file: BinaryIO) -> None:
    head = _line(answers)
    if not head.startswith("$"):
        raise BackupFailed(f"the server answers `{head[:80]}` instead of what it holds")
    if head.startswith("$EOF:"):
        mark, last = head.removeprefix("$EOF:").encode(), b""
        while True:
            chunk = answers.read1(_CHUNK)  # type: ignore[attr-defined]  # a socket's file is buffered
            if not chunk:
                raise BackupFailed("the server hung up in the middle")
            last += chunk
            if last.endswith(mark):
                file.write(last.removesuffix(mark))
                return
            file.write(last[: -len(mark)])
            last = last[-len(mark) :]
    left = int(head[1:])
    while left:
        chunk = answers.read(min(_CHUNK, left))
        if not chunk:
            raise BackupFailed("the server hung up in the middle")
        file.write(chunk)
        left -= len(chunk)


def _line(answers: BinaryIO) -> str:
    """The next line that says something; empty ones are signs of life."""
    while True:
        line = answers.readline(_LONGEST_LINE)
        if not line:
            raise BackupFailed("the server hung up")
        text = line.decode(errors="replace").strip()
        if text.startswith("-"):
            raise BackupFailed(f"the server says: {text[1:]}")
        if text:
            return text


def _command(*words: str) -> bytes:
    parts = [each.encode() for each in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in parts)
