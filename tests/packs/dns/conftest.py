"""A small real name server; its messages are made by dnspython, a second opinion on the wire format."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import dns.flags
import dns.message
import dns.rrset
import pytest

from paramedic.drills.ports import free_ports

Reply = Callable[[dns.message.Message], dns.message.Message | bytes | None]


class Zone:
    """Answers from a table of names; knows no others."""

    def __init__(self, **names: tuple[str, ...]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}

    def __call__(self, asked: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(asked, recursion_available=True)
        [wanted] = asked.question
        name, kind = wanted.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(wanted.rdtype)
        if name not in self.names:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        alias = dns.rrset.from_text(wanted.name, 60, "IN", "CNAME", "real.example.")
        rows = [each for each in self.names[name] if (":" in each) == (kind == "AAAA")]
        if rows:
            reply.answer = [alias, dns.rrset.from_text("real.example.", 60, "IN", kind, *rows)]
        return reply


class _Channel(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address) -> None:
        made = self.reply(dns.message.from_wire(data))
        if made is not None:
            self.transport.sendto(made if isinstance(made, bytes) else made.to_wire(), address)


@pytest.fixture
async def name_server() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Start a server that replies as it is told; what comes back is its address for `server`."""
    async with AsyncExitStack() as stack:

        async def start(reply: Reply, over_tcp: Reply | None = None) -> str:
            loop = asyncio.get_running_loop()
            (port,) = free_ports(1)  # the same for UDP and TCP
            transport, _ = await loop.create_datagram_endpoint(lambda: _Channel(reply), local_addr=("127.0.0.1", port))
            stack.callback(transport.close)

            async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                made = over_tcp(dns.message.from_wire(asked)).to_wire()
                writer.write(len(made).to_bytes(2, "big") + made)
                writer.close()

            if over_tcp:
                server = await asyncio.start_server(on_connection, "127.0.0.1", port)
                stack.callback(server.close)
            return f"127.0.0.1:{port}"

        yield start


@pytest.fixture(name="zone")
def zone_class() -> type[Zone]:
    """``zone(db_example=("10.0.0.1",))``: a reply that knows `db.example`."""
    return Zone
