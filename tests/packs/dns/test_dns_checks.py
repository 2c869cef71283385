"""The check of the dns pack against real name servers and the system's own resolver."""

import asyncio
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.packs.dns import servers
from paramedic.packs.dns.checks import resolves
from paramedic.packs.dns.target import Dns
from paramedic.packs.dns.wire import Message, NoMessage, Record, answer, question
from paramedic.sdk import Status

# ------------------------------------------------------------------ healthy


async def test_healthy(look):
    """A name that resolves is well, and the time it took is kept."""
    [found] = await look(resolves, Dns(name="localhost"))
    assert (found.status, found.code) == (Status.OK, None)
    assert found.measures["latency_ms"] >= 0


async def test_a_declared_server_is_asked_alone(look, name_server, zone):
    """`server` answers names that the system's resolver has never heard of, over aliases too."""
    server = await name_server(zone(db_example=("10.0.0.1", "fd00::1")))
    [found] = await look(resolves, Dns(name="db.example", server=server, records=("A", "AAAA")))
    assert found.status is Status.OK
    assert "10.0.0.1, fd00::1" in found.observed


@pytest.mark.parametrize("expect", [("127.0.0.1", "::1"), ("127.0.0.0/8", "::/0")])
async def test_expected_addresses_are_well(look, expect):
    """Addresses and networks that the name may lead to."""
    [found] = await look(resolves, Dns(name="localhost", expect=expect))
    assert found.status is Status.OK


# ------------------------------------------------------------------ sick


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64])
async def test_a_name_without_address(look, name):
    """A name that does not resolve is `dns.unresolved`, in the resolver's words."""
    [found] = await look(resolves, Dns(name=name))
    assert (found.status, found.code) == (Status.CRITICAL, "dns.unresolved")
    assert "getent hosts" in found.hint


async def test_what_a_server_says_of_a_name(look, name_server, zone):
    """No such name, a name without address and a server that cannot find out are told apart."""
    server = await name_server(zone(db_example=("10.0.0.1",), empty_example=()))
    for name, records, told in (
        ("gone.example", (), "NXDOMAIN: the name does not exist"),
        ("empty.example", (), "the name exists, without an address"),
        ("db.example", ("AAAA",), "the name exists, without an address"),
        ("db.example", ("A", "AAAA"), "no address of kind AAAA"),
        ("a" * 64, (), "not a valid host name"),
    ):
        [found] = await look(resolves, Dns(name=name, server=server, records=records))
        assert found.code == "dns.unresolved", name
        assert told in found.because

    def refuse(asked):
        reply = dns.message.make_response(asked)
        reply.set_rcode(dns.rcode.SERVFAIL)
        return reply

    [found] = await look(resolves, Dns(name="db.example", server=await name_server(refuse)))
    assert found.code == "dns.unresolved"
    assert "SERVFAIL: it could not or would not find out" in found.because


async def test_a_wrong_answer(look):
    """An address that is not expected is `dns.wrong-answer`, and is named."""
    [found] = await look(resolves, Dns(name="localhost", expect=("10.0.0.0/8",)))
    assert (found.status, found.code) == (Status.CRITICAL, "dns.wrong-answer")
    assert "127.0.0.1" in found.observed
    assert found.expected == "only 10.0.0.0/8"


async def test_slow(look, monkeypatch):
    """A right answer that takes long is `dns.slow`, a warning (stand-in: a resolver that takes its time)."""
    real, wait = socket.getaddrinfo, threading.Event()

    def slowly(*args):
        wait.wait(0.05)
        return real(*args)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    monkeypatch.setattr(servers, "RESOLV_CONF", Path("/nonexistent"))
    [found] = await look(resolves, Dns(name="localhost"), thresholds={"latency_ms": 20})
    assert (found.status, found.code) == (Status.WARNING, "dns.slow")
    assert found.measures["latency_ms"] > 20


async def test_a_silent_server(look, name_server):
    """A server without an answer is `dns.timeout`, within the check's own time."""
    server = await name_server(lambda _asked: None)
    [found] = await look(resolves, Dns(name="db.example", server=server), timeout_s=0.5)
    assert (found.status, found.code) == (Status.CRITICAL, "dns.timeout")
    assert "did not answer" in found.because
    assert f"dig @127.0.0.1 -p {server.split(':')[1]} db.example" in found.hint


async def test_nobody_listens(look, name_server):
    """A machine that answers that nobody listens there is told as such, at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    [found] = await look(resolves, Dns(name="db.example", server=f"127.0.0.1:{port}"))
    assert found.code == "dns.timeout"
    assert "nobody listens at 127.0.0.1 port" in found.because


async def test_a_resolver_that_hangs_holds_one_thread(look, monkeypatch):
    """However often one looks at a name whose lookup hangs, it is asked for once; its late answer counts.

    A stand-in for the system's resolver: a real one hangs for minutes.
    """
    release, asked = threading.Event(), []

    def hang(*args):
        asked.append(args)
        release.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setattr("paramedic.packs.dns.checks.configured", lambda: [silent.getsockname()])
        for _ in range(3):
            [found] = await look(resolves, Dns(name="slow.example"), timeout_s=0.3)
            assert found.code == "dns.timeout"
            assert "the resolver said nothing" in found.because
        release.set()
        [found] = await look(resolves, Dns(name="slow.example"), thresholds={"latency_ms": 10_000})
    assert found.status is Status.OK
    assert len(asked) == 1


NETWORKS = [
    ("away", "127.0.0.1", "dns.timeout", "so the network of this machine is away"),
    ("silent", "127.0.0.1", "dns.timeout", "127.0.0.1 did not answer"),
    ("servfail", "127.0.0.1", "dns.unresolved", "SERVFAIL"),
    ("unknown", "127.0.0.1", "dns.unresolved", "Name or service not known"),
    ("second", "127.0.0.1\nnameserver 127.0.0.2", "dns.slow", "127.0.0.1 did not answer"),
]


@pytest.mark.parametrize(("network", "named", "code", "because"), NETWORKS, ids=[each[0] for each in NETWORKS])
def test_name_server_and_network_are_told_apart(tmp_path, network, named, code, because):
    """No network, a silent server, a failing one, an unknown name, a dead first server: each by its own name.

    The system's real resolver, on a network and with a resolv.conf of its own.
    """
    own = ["unshare", "--map-root-user", "--net", "--mount"]
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {named}\noptions timeout:1 attempts:1\n")
    may = [*own, "mount", "--bind", str(conf), "/etc/resolv.conf"]
    if subprocess.run(may, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a process have a network and mounts of its own")
    island = [*own, sys.executable, str(Path(__file__).with_name("island.py")), str(tmp_path), str(conf), network]
    done = subprocess.run(island, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    _, found, reason, _ = done.stdout.splitlines()
    assert found == code, done.stdout
    assert because in reason


# ------------------------------------------------------------------ edges


async def test_a_cut_answer_is_asked_for_again_over_tcp(look, name_server, zone):
    """An answer too long for a packet is fetched whole."""

    def cut(asked):
        reply = dns.message.make_response(asked)
        reply.flags |= dns.flags.TC
        return reply

    server = await name_server(cut, over_tcp=zone(db_example=("10.0.0.1",)))
    [found] = await look(resolves, Dns(name="db.example", server=server))
    assert found.status is Status.OK


@pytest.mark.parametrize(
    "tail", [b"", b"\x81", b"\x81\x80" + b"\xff" * 8, b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c", b"x" * 60000]
)
async def test_garbage_is_told_as_such(look, name_server, tail):
    """Bytes that are no answer are the server's fault, never a traceback; so is a flood of them."""
    server = await name_server(lambda asked: asked.id.to_bytes(2, "big") + tail)
    [found] = await look(resolves, Dns(name="db.example", server=server), timeout_s=1)
    assert found.code == "dns.timeout"
    assert "is no answer" in found.because


async def test_answers_to_other_questions_are_passed_over(look, name_server):
    """A forged answer, with another number, is no answer."""
    server = await name_server(lambda asked: (asked.id ^ 1).to_bytes(2, "big") + b"\x81\x80" + bytes(8))
    [found] = await look(resolves, Dns(name="db.example", server=server), timeout_s=0.5)
    assert found.code == "dns.timeout"
    assert "did not answer" in found.because


async def test_cannot_look_without_descriptors(look):
    """When this machine cannot open a socket the verdict is unknown."""
    await asyncio.sleep(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while True:
            try:
                opened.append(socket.socket())
            except OSError:
                break
        [found] = await look(resolves, Dns(name="db.example", server="127.0.0.1"))
    finally:
        for each in opened:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "two words"},
        {"name": "10.0.0.1"},
        {"name": "x", "expect": ("db",)},
        {"name": "x", "server": "ns.example"},
        {"name": "x", "server": "10.0.0.1:0"},
        {"name": "x", "server": "10.0.0.1:port"},
    ],
)
def test_nonsense_is_refused(fields):
    """What can never work is a mistake in the service file."""
    with pytest.raises(ValueError):
        Dns(**fields)


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("fd00::2", ("fd00::2", 53)),
        ("[::1]:99", ("::1", 99)),
    ],
)
def test_servers_with_and_without_port(server, address):
    """IPv4, IPv6, and a port where one is given."""
    assert Dns(name="x", server=server).server_address == address


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_crash_the_reader(head, tail):
    """Any bytes are an answer or none; nothing else comes of them."""
    asked = question("db.example", Record.A, 7)
    reply = dns.message.make_response(dns.message.from_wire(asked)).to_wire()
    for data in (head, asked[:2] + head, reply[: len(head)] + tail):
        try:
            assert isinstance(answer(data, asked), Message)
        except NoMessage:
            continue
