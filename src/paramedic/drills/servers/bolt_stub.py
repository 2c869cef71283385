"""A stub that stands in for a Neo4j where none can run: enough of Bolt 4.4 for the official driver, and no graph.

Usage: ``python -m paramedic.drills.servers.bolt_stub PORT [PASSWORD [NAME=STATUS…]]``. It knows ``RETURN 1`` and
``SHOW DATABASES``, the databases that it is given (``neo4j=online`` by default; ``system`` is always there), and one
password for everybody. A status other than ``online`` is one that nobody asked for.
"""

import asyncio
import contextlib
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_MAGIC = b"\x60\x60\xb0\x17"
_VERSION = b"\x00\x00\x04\x04"
_GOODBYE, _RESET = 0x02, 0x0F
_SUCCESS, _RECORD, _IGNORED, _FAILURE = 0x70, 0x71, 0x7E, 0x7F
_NO_FIELDS: Mapping[str, Any] = {}

Value = Any
"""Whatever PackStream can say: nothing, truth, numbers, text, lists, maps."""


class Refusal(Exception):
    """The stub fails as a Neo4j would; ``code`` is Neo4j's own."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


class Stub:
    """The server, whatever its transport."""

    def __init__(self, password: str = "", databases: Mapping[str, str] | None = None) -> None:
        self.password = password
        self.databases = {"system": "online", **(databases or {"neo4j": "online"})}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # whoever hangs up
            offered = await reader.readexactly(20)
            if offered[:4] == _MAGIC:
                writer.write(_VERSION)
                await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rows: Sequence[Mapping[str, Value]] = ()
        has_failed = False
        while True:
            tag, fields = _unpacked(await _message(reader))
            if tag == _GOODBYE:
                return
            if has_failed and tag != _RESET:
                _send(writer, _IGNORED, _NO_FIELDS)
                continue
            has_failed = False
            try:
                match tag:
                    case 0x01:  # HELLO
                        self._enter(fields[0])
                        _send(writer, _SUCCESS, {"server": "Neo4j/4.4.0-stub", "connection_id": "bolt-1"})
                    case 0x10:  # RUN
                        rows = self._answer(fields[0], fields[2].get("db"))
                        _send(writer, _SUCCESS, {"fields": list(rows[0]) if rows else [], "t_first": 0})
                    case 0x3F:  # PULL
                        for row in rows:
                            _send(writer, _RECORD, list(row.values()))
                        _send(writer, _SUCCESS, {"has_more": False, "type": "r", "db": "neo4j"})
                    case _:
                        _send(writer, _SUCCESS, _NO_FIELDS)
            except Refusal as refusal:
                has_failed = True
                _send(writer, _FAILURE, {"code": refusal.code, "message": str(refusal)})
            await writer.drain()

    def _enter(self, hello: Mapping[str, Value]) -> None:
        if self.password and hello.get("credentials") != self.password:
            raise Refusal("Neo.ClientError.Security.Unauthorized", "unauthorized due to authentication failure")

    def _answer(self, query: str, database: str | None) -> Sequence[Mapping[str, Value]]:
        name = database or "neo4j"
        if name not in self.databases:
            raise Refusal("Neo.ClientError.Database.DatabaseNotFound", f"Graph not found: {name}")
        if self.databases[name] != "online":
            raise Refusal("Neo.TransientError.Database.DatabaseUnavailable", f"Database '{name}' is unavailable.")
        if query == "SHOW DATABASES":
            return [
                {"name": each, "requestedStatus": "online", "currentStatus": status, "error": ""}
                for each, status in self.databases.items()
            ]
        if query == "RETURN 1 AS one":
            return [{"one": 1}]
        raise Refusal("Neo.ClientError.Statement.SyntaxError", "this is a stub and knows no graph")


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One message: chunks with their lengths before them, and an empty one at the end."""
    message = b""
    while True:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        if length == 0 and message:
            return message
        message += await reader.readexactly(length)


def _send(writer: asyncio.StreamWriter, tag: int, field: Value) -> None:
    data = bytes((0xB1, tag)) + _packed(field)
    writer.write(struct.pack(">H", len(data)) + data + b"\x00\x00")


def _packed(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcb" + struct.pack(">q", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xd1" + struct.pack(">H", len(data)) + data
    if isinstance(value, list):
        return b"\xd5" + struct.pack(">H", len(value)) + b"".join(map(_packed, value))
    packed = b"".join(_packed(key) + _packed(each) for key, each in value.items())
    return b"\xd9" + struct.pack(">H", len(value)) + packed


def _unpacked(message: bytes) -> tuple[int, list[Value]]:
    """A structure's tag and its fields."""
    return message[1], _Unpacking(message, 2).many(message[0] & 0x0F)


class _Unpacking:
    """Reads values from a message, one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def many(self, count: int) -> list[Value]:
        return [self._one() for _ in range(count)]

    def _take(self, length: int) -> bytes:
        self._at += length
        return self._data[self._at - length : self._at]

    def _number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(size), "big", signed=signed)

    def _one(self) -> Value:
        mark = self._number(1)
        if mark < 0x80 or mark >= 0xF0:
            return mark if mark < 0x80 else mark - 256
        match mark:
            case 0xC0:
                return None
            case 0xC1:
                return struct.unpack(">d", self._take(8))[0]
            case 0xC2 | 0xC3:
                return mark == 0xC3
            case 0xC8 | 0xC9 | 0xCA | 0xCB:
                return self._number(1 << (mark - 0xC8), signed=True)
        sizes = {0xD0: ("text", 1), 0xD1: ("text", 2), 0xD2: ("text", 4), 0xD4: ("list", 1), 0xD5: ("list", 2),
                 0xD8: ("map", 1), 0xD9: ("map", 2)}  # fmt: skip
        tiny = {0x80: "text", 0x90: "list", 0xA0: "map"}
        if mark in sizes:
            kind, size = sizes[mark]
            count = self._number(size)
        else:
            kind, count = tiny[mark & 0xF0], mark & 0x0F
        if kind == "text":
            return self._take(count).decode()
        if kind == "list":
            return self.many(count)
        return {self._one(): self._one() for _ in range(count)}


async def _run(port: int, stub: Stub) -> None:
    server = await asyncio.start_server(stub.serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    given = dict(each.split("=", 1) for each in sys.argv[3:])
    asyncio.run(_run(int(sys.argv[1]), Stub(sys.argv[2] if len(sys.argv) > 2 else "", given)))
