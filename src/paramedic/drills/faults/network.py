"""Connections that are refused, vanish, or carry errors."""

import signal
import sys

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports
from paramedic.sdk import proc

_FILLS_UP = """
import signal, socket, sys
port = int(sys.argv[1])
with socket.create_server(("127.0.0.1", port), backlog=0) as listener:
    full = []
    signal.signal(signal.SIGUSR1, lambda *_: full.append(1))
    listener.settimeout(0.05)
    while not full:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            continue
    callers = []
    for _ in range(4):  # more than the backlog holds: from here on nobody gets through
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(("127.0.0.1", port))
        callers.append(caller)
    signal.pause()
"""
_COMES_AND_GOES = """
import signal, socket, sys, time
limping = []
signal.signal(signal.SIGUSR1, lambda *_: limping.append(1))
while True:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        listener.settimeout(0.05)
        until = time.monotonic() + 1.5
        while not limping or time.monotonic() < until:
            try:
                listener.accept()[0].close()
            except TimeoutError:
                continue
    time.sleep(1.5)
"""


@fault("connection-refused")
async def stop_listening(patient: Patient) -> None:
    """Make the queue stop listening while its process lives on."""
    await patient.send("queue", signal.SIGUSR1)


def _with_a_supplier(program: str) -> Step:
    async def prepare(patient: Patient) -> None:
        (port,) = free_ports(1)
        guest = patient.invite((sys.executable, "-c", program, str(port)))
        await patient.until(lambda: any(each.pid == guest.pid for each in proc.holders(port)), "the supplier to listen")
        patient.edit(
            lambda document: document["components"].update(
                supplier={"kind": "tcp", "host": "127.0.0.1", "port": port, "timeout": "1s", "interval": "500ms"}
            )
        )

    return prepare


@fault("connection-blackholed", prepare=_with_a_supplier(_FILLS_UP))
async def fill_the_backlog(patient: Patient) -> None:
    """Let a supplier's listener accept nobody any more, its backlog full: packets to it vanish."""
    patient.mark()
    patient.guests[0].send_signal(signal.SIGUSR1)


@fault("flapping", prepare=_with_a_supplier(_COMES_AND_GOES))
async def come_and_go(patient: Patient) -> None:
    """Let a supplier stop listening and begin again every second and a half."""
    patient.mark()
    patient.guests[0].send_signal(signal.SIGUSR1)


@fault("http-error-burst")
async def fail_a_third(patient: Patient) -> None:
    """Make the front answer 500 to 30 % of all requests until it is restarted."""
    patient.mark()
    await patient.post("api", "/sickness", {"failing_share": 0.3})
