"""Looks at a name on a machine of its own: run under ``unshare`` with a network and mounts of its own.

Usage: ``island.py FOLDER RESOLV_CONF NETWORK``; NETWORK is ``away``, ``silent`` (a name server that never answers at
127.0.0.1), ``servfail``, ``unknown`` or ``second`` (the one at 127.0.0.2 answers, the one at 127.0.0.1 does not).
Prints the code and the reason, one a line.
"""

import asyncio
import fcntl
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset

_SIOCSIFFLAGS, _UP_AND_RUNNING = 0x8914, 0x41


def serve(address: str, how: str) -> None:
    """Be a name server on port 53."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((address, 53))
        ready.release()
        while True:
            data, caller = channel.recvfrom(4096)
            asked = dns.message.from_wire(data)
            reply = dns.message.make_response(asked, recursion_available=True)
            if how == "silent":
                continue
            if how == "well":
                kind = dns.rdatatype.to_text(asked.question[0].rdtype)
                text = "10.1.2.3" if kind == "A" else "fd00::1"
                reply.answer = [dns.rrset.from_text(asked.question[0].name, 60, "IN", kind, text)]
            else:
                reply.set_rcode(dns.rcode.from_text(how))
            channel.sendto(reply.to_wire(), caller)


async def main(name: str) -> None:
    """One look, as the bench makes it."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from conftest import Bench, SetProcesses, make_settings
    from paramedic.packs.dns.checks import resolves
    from paramedic.packs.dns.target import Dns

    bench = Bench(folder=folder, settings=make_settings(folder), processes=SetProcesses())
    [found] = await bench.look(resolves, Dns(name=name), timeout_s=4)
    print(found.status.value, found.code, found.because, found.hint, sep="\n")


folder, resolv_conf, network = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
ready = threading.Semaphore(0)
subprocess.run(["mount", "--bind", resolv_conf, "/etc/resolv.conf"], check=True)
if network != "away":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:
        fcntl.ioctl(lo, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
    servers = {
        "silent": [("127.0.0.1", "silent")],
        "servfail": [("127.0.0.1", "SERVFAIL")],
        "unknown": [("127.0.0.1", "NXDOMAIN")],
        "second": [("127.0.0.1", "silent"), ("127.0.0.2", "well")],
    }[network]
    for each in servers:
        threading.Thread(target=serve, args=each, daemon=True).start()
        ready.acquire()
asyncio.run(main("db.example"))
