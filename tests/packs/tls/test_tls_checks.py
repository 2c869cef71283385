"""The check of the tls pack against real servers with certificates made on the fly."""

import asyncio
import itertools
import resource
import socket
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from packs.authority import Issued
from paramedic.drills.ports import free_ports
from paramedic.packs.tls.certificate import Unreadable, read_all
from paramedic.packs.tls.checks import is_trusted
from paramedic.packs.tls.target import Tls
from paramedic.sdk import ProcessSpec, Status

NAME = "shop.example"


def tls(port: int, ca: Path | None = None, **fields) -> Tls:
    return Tls(**{"host": "127.0.0.1", "port": port, "ca": ca, "server_name": NAME, **fields})


def codes(findings) -> list[str | None]:
    return [each.code for each in findings]


# ------------------------------------------------------------------ healthy


async def test_healthy(look, serve, root, ca):
    """A certificate of a trusted authority, for the right name, is well; how long it lasts is kept."""
    port = await serve(Issued.make(NAME, NAME, by=root, days=90.5))
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (Status.OK, None), found
    assert 90 < found.measures["expires_days"] < 91
    assert "TLSv1.3" in found.observed


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        (("127.0.0.1",), {"server_name": None}),
        (("localhost",), {"host": "localhost", "server_name": None}),
        (("*.shop.example",), {"server_name": "www.shop.example"}),
        (("xn--bcher-kva.example",), {"server_name": "bücher.example"}),
    ],
)
async def test_names_that_fit(look, serve, trusted, names, fields):
    """Addresses, wildcards and names beyond ASCII are recognised."""
    root, ca = trusted
    port = await serve(Issued.make("it", *names, by=root))
    [found] = await look(is_trusted, tls(port, ca, **fields))
    assert found.status is Status.OK, found


async def test_a_chain_through_an_intermediate(look, serve, root, ca):
    """A server that sends its whole chain is well."""
    middle = Issued.make("middle", by=root, is_authority=True)
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=middle)), ca))
    assert found.status is Status.OK, found


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)])
async def test_kinds_of_keys(look, serve, root, ca, key):
    """RSA and Ed25519 are as good as elliptic curves."""
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=root, key=key)), ca))
    assert found.status is Status.OK, found


async def test_ipv6_only(look, serve, root, ca):
    """A server that has no IPv4 address is reached."""
    try:
        port = await serve(Issued.make(NAME, NAME, by=root), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    [found] = await look(is_trusted, tls(port, ca, host="::1"))
    assert found.status is Status.OK, found


# ------------------------------------------------------------------ days


async def test_expired(look, serve, root, ca):
    """A certificate past its last day is `tls.expired`, with the day and the whole certificate."""
    port = await serve(Issued.make(NAME, NAME, by=root, since_days=30, days=-2.1))
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.expired")
    assert "expired 2 days ago" in found.observed
    assert f"CN={NAME}" in found.because
    assert "issued by CN=test root" in found.evidence[0].text


@pytest.mark.parametrize(("days", "status"), [(13.5, Status.WARNING), (2.5, Status.CRITICAL), (0.1, Status.CRITICAL)])
async def test_expiring(look, serve, trusted, days, status):
    """Two weeks before the last day `tls.expiring` warns; three days before it is critical."""
    root, ca = trusted
    port = await serve(Issued.make(NAME, NAME, by=root, days=days))
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (status, "tls.expiring")
    assert ("2 hours" if days < 1 else f"{int(days)} days") in found.observed
    [found] = await look(is_trusted, tls(port, ca), thresholds={"expiring_days": 0.01})
    assert found.status is Status.OK


async def test_an_authority_that_expires_counts(look, serve, root, ca):
    """The first certificate of the chain to end decides; an intermediate past its last day is `tls.expired`."""
    soon = Issued.make("middle", by=root, is_authority=True, days=5)
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=soon)), ca))
    assert found.code == "tls.expiring"
    assert "CN=middle" in found.because
    over = Issued.make("middle", by=root, is_authority=True, since_days=9, days=-1)
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=over)), ca))
    assert found.code == "tls.expired"
    assert "CN=middle" in found.because


async def test_an_authority_that_is_over_and_was_not_sent(look, serve, tmp_path):
    """A root past its last day is named as such, though the server does not send it."""
    over = Issued.make("old root", is_authority=True, since_days=9, days=-1)
    (tmp_path / "old.pem").write_bytes(over.pem)
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=over)), tmp_path / "old.pem"))
    assert found.code == "tls.expired"
    assert "authority" in found.because


async def test_not_yet_valid(look, serve, root, ca):
    """A certificate of tomorrow is `tls.not-yet-valid`, and the clock is the first suspect."""
    port = await serve(Issued.make(NAME, NAME, by=root, since_days=-1))
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.not-yet-valid")
    assert "date -u" in found.hint


# ------------------------------------------------------------------ names and trust


async def test_another_name(look, serve, root, ca):
    """A certificate for somebody else is `tls.name-mismatch`, with the names that it has."""
    port = await serve(Issued.make("other", "other.example", "www.other.example", by=root))
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.name-mismatch")
    assert "other.example, www.other.example" in found.because
    [found] = await look(is_trusted, tls(port, ca, server_name=None))
    assert found.code == "tls.name-mismatch"


async def test_self_signed(look, serve):
    """A self-signed certificate is `tls.untrusted`; named in `ca`, it is well."""
    own = Issued.make(NAME, NAME)
    port = await serve(own)
    [found] = await look(is_trusted, tls(port))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.untrusted")
    assert "self-signed" in found.because


async def test_an_unknown_authority(look, serve, root, ca):
    """A certificate of an authority that nobody here knows is `tls.untrusted`, with the authority's name."""
    [found] = await look(is_trusted, tls(await serve(Issued.make(NAME, NAME, by=root))))
    assert found.code == "tls.untrusted"
    assert "CN=test root" in found.because


async def test_an_incomplete_chain(look, serve, root, ca):
    """A server that leaves its intermediate out is `tls.untrusted`, and the hint asks for the whole chain."""
    middle = Issued.make("middle", by=root, is_authority=True)
    port = await serve(Issued.make(NAME, NAME, by=middle), is_whole=False)
    [found] = await look(is_trusted, tls(port, ca))
    assert found.code == "tls.untrusted"
    assert "CN=middle" in found.because
    assert "whole chain" in found.hint


async def test_everything_that_is_wrong_is_told(look, serve):
    """Expired, self-signed and for another name: all three are told, the day first."""
    port = await serve(Issued.make("other", "other.example", since_days=9, days=-1))
    found = await look(is_trusted, tls(port))
    assert codes(found) == ["tls.expired", "tls.untrusted", "tls.name-mismatch"]


# ------------------------------------------------------------------ weak


async def test_old_protocols_are_weak(look, serve, root, ca):
    """A server that still speaks TLS 1.1 beside better ones is `tls.weak`, a warning; it is asked once an hour."""
    port = await serve(Issued.make(NAME, NAME, by=root), old=True)
    [found] = await look(is_trusted, tls(port, ca))
    if found.status is Status.OK:
        pytest.skip("this machine's OpenSSL speaks no TLS 1.1 at all")
    assert (found.status, found.code) == (Status.WARNING, "tls.weak")
    assert "TLSv1.1" in found.observed
    [again] = await look(is_trusted, tls(port, ca))
    assert again.code == "tls.weak"


async def test_only_old_protocols(look, serve, root, ca):
    """A server that speaks nothing newer than TLS 1.1 cannot be talked to: `tls.handshake`, with the reason."""
    port = await serve(Issued.make(NAME, NAME, by=root), oldest=True)
    [found] = await look(is_trusted, tls(port, ca))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.handshake")
    assert "TLSv1.1 at most" in found.because


async def test_a_weak_key(look, serve, root, ca):
    """A short key is `tls.weak`: critical where this system refuses it, else a warning."""
    issued = Issued.make(NAME, NAME, by=root, key=rsa.generate_private_key(65537, 1024))
    [found] = await look(is_trusted, tls(await serve(issued), ca))
    assert found.code == "tls.weak"
    assert found.status.is_failing


def test_weaknesses_are_read():
    """What is weak of a certificate is known, whatever this system's OpenSSL thinks of it."""
    root = Issued.make("root", is_authority=True)
    for key, weak in (
        (rsa.generate_private_key(65537, 1024), "RSA 1024"),
        (dsa.generate_private_key(2048), "DSA 2048"),
        (ec.generate_private_key(ec.SECP192R1()), "EC secp192r1"),
        (ec.generate_private_key(ec.SECP256R1()), None),
    ):
        issued = Issued.make(NAME, NAME, by=root, key=key)
        [read] = read_all([issued.certificate.public_bytes(Encoding.DER)])
        assert read.weaknesses == ((f"its key is {weak}",) if weak else ())
    [read] = read_all([Issued.make(NAME, by=root).certificate.public_bytes(Encoding.DER)])
    assert read.is_for(NAME), "the common name counts where there is no other"
    [read] = read_all([_SIGNED_WITH_SHA1])
    assert read.weaknesses == ("its signature uses SHA1",)


@pytest.mark.parametrize(
    ("carried", "name", "fits"),
    [
        ("shop.example", "SHOP.example.", True),
        ("*.shop.example", "www.shop.example", True),
        ("*.shop.example", "a.www.shop.example", False),
        ("*.shop.example", "shop.example", False),
        ("*.example", "shop.example", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.2", "127.0.0.1", False),
    ],
)
def test_which_names_fit(carried, name, fits):
    """What counts as the right name is what OpenSSL thinks."""
    [read] = read_all([Issued.make("it", carried).certificate.public_bytes(Encoding.DER)])
    assert read.is_for(name) is fits


# ------------------------------------------------------------------ no handshake


async def test_refused(look):
    """A closed port is `tls.refused`, with the command that starts the server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    [found] = await look(is_trusted, tls(port), name="front", process=ProcessSpec(command=("x",)))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.refused")
    assert "paramedic start front" in found.hint


async def test_a_full_backlog(look):
    """A listener that accepts no more is `tls.timeout`, within the check's own time."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        [found] = await look(is_trusted, tls(server.getsockname()[1]), timeout_s=0.6)
        for client in waiting:
            client.close()
    assert (found.status, found.code) == (Status.CRITICAL, "tls.timeout")


async def test_a_name_without_address(look):
    """An unknown host is `dns.unresolved`."""
    [found] = await look(is_trusted, Tls(host="no-such-host.invalid"))
    assert found.code == "dns.unresolved"


async def test_a_handshake_that_hangs(look, talk_to):
    """A server that accepts and says nothing, or one byte, is `tls.timeout` that says where it stuck."""
    for first in (b"", b"\x16"):

        async def hang(reader, writer, first=first):
            writer.write(first)
            await reader.read()
            await reader.read()

        [found] = await look(is_trusted, tls(await talk_to(hang)), timeout_s=0.5)
        assert found.code == "tls.timeout"
        assert f"did not go on: {len(first)} bytes" in found.because


async def test_a_server_that_trickles(look, talk_to):
    """A handshake that comes byte by byte without end does not outlast the check."""

    async def trickle(reader, writer):
        await reader.read(1)
        for byte in itertools.chain(b"\x16\x03\x03\x40\x00", itertools.repeat(0)):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.01)

    [found] = await look(is_trusted, tls(await talk_to(trickle)), timeout_s=0.5)
    assert found.code == "tls.timeout"


GARBAGE = {
    "plain http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS: 'HTTP/1.1 400"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", "no TLS: 'SSH-2.0"),
    "zeros": (bytes(4096), "no TLS"),
    "a wild record": (b"\x16\x03\x03\xff\xff" + b"x" * 70_000, "handshake failed"),
    "an alert": (b"\x15\x03\x03\x00\x02\x02\x28", "handshake fail"),
    "half a record": (b"\x16\x03\x03\x00\x50abc", "closed the connection"),
    "nothing": (b"", "closed the connection"),
    "a lone surrogate": (b"\xed\xa0\x80\x1b[31m", "no TLS"),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage(look, talk_to, name):
    """What is no TLS, or breaks off, is `tls.handshake` with what was seen, printable."""
    bytes_, told = GARBAGE[name]

    async def babble(reader, writer):
        await reader.read(1)
        writer.write(bytes_)
        await writer.drain()
        if bytes_:
            writer.write_eof()
            await reader.read()

    [found] = await look(is_trusted, tls(await talk_to(babble)))
    assert (found.status, found.code) == (Status.CRITICAL, "tls.handshake")
    assert told in found.because
    assert found.because.isprintable()


async def test_a_server_that_resets(look, talk_to):
    """A connection that is reset at once is `tls.handshake`, never a traceback."""

    async def slam(reader, writer):
        await reader.read(1)
        writer.transport.abort()

    [found] = await look(is_trusted, tls(await talk_to(slam)))
    assert found.code == "tls.handshake"


# ------------------------------------------------------------------ cannot look


async def test_cannot_look_without_authorities(look, serve, root, tmp_path):
    """A `ca` that is missing, a pipe or no certificate makes the look unknown."""
    port = await serve(Issued.make(NAME, NAME, by=root))
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "text.pem").write_bytes(b"\xff not a certificate")
    for name in ("missing.pem", "empty.pem", "text.pem", "."):
        [found] = await look(is_trusted, tls(port, tmp_path / name))
        assert found.status is Status.UNKNOWN, name
        assert "ca" in found.hint


async def test_cannot_look_without_the_library(look, serve, root, ca, monkeypatch):
    """Without the extra the look is unknown, and the hint names it."""
    port = await serve(Issued.make(NAME, NAME, by=root))
    monkeypatch.setitem(sys.modules, "cryptography", None)
    [found] = await look(is_trusted, tls(port, ca))
    assert found.status is Status.UNKNOWN
    assert "paramedic[tls]" in found.hint


async def test_cannot_look_without_descriptors(look):
    """When this machine cannot open a socket the verdict is unknown."""
    (port,) = free_ports(1)
    await look(is_trusted, tls(port))  # everything is imported
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        while True:
            try:
                opened.append(socket.socket())
            except OSError:
                break
        [found] = await look(is_trusted, tls(port))
    finally:
        for each in opened:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    "fields", [{"host": ""}, {"host": "x", "server_name": ".x"}, {"host": "x", "server_name": "a" * 64}]
)
def test_nonsense_is_refused(fields):
    """A name that no certificate could carry is a mistake in the service file."""
    with pytest.raises(ValueError):
        Tls(**fields)


@given(st.data())
def test_no_bytes_crash_the_reader(data):
    """Any bytes are a certificate or unreadable; nothing else comes of them."""
    whole = bytearray(_CERTIFICATE)
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        [read] = read_all([bytes(whole)])
    except Unreadable:
        return
    assert read.told.isprintable()
    read.is_for(NAME)


def _signed_with_sha1() -> bytes:
    """An old certificate: made anew with the old algorithm's number, and signed again with it."""
    key = rsa.generate_private_key(65537, 2048)
    modern = Issued.make(NAME, by=Issued.make("root", key=key)).certificate.public_bytes(Encoding.DER)
    old = modern.replace(_RSA_WITH_SHA256, _RSA_WITH_SHA1)
    signed = x509.load_der_x509_certificate(old).tbs_certificate_bytes
    return old[: -key.key_size // 8] + key.sign(signed, padding.PKCS1v15(), hashes.SHA1())


_RSA_WITH_SHA256 = bytes.fromhex("2a864886f70d01010b")
_RSA_WITH_SHA1 = bytes.fromhex("2a864886f70d010105")
_SIGNED_WITH_SHA1 = _signed_with_sha1()
_CERTIFICATE = Issued.make("root", NAME, "127.0.0.1").certificate.public_bytes(Encoding.DER)
