"""Names that nobody knows any more, and certificates past their last day."""

import signal
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

from paramedic.drills.fault import fault
from paramedic.drills.patient import Patient
from paramedic.drills.ports import free_ports
from paramedic.sdk import proc

_NAME_SERVER = r"""
import signal, socket, sys
removed = []
signal.signal(signal.SIGUSR1, lambda *_: removed.append(1))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
    channel.bind(("127.0.0.1", int(sys.argv[1])))
    print("the name server is ready", flush=True)
    while True:
        asked, caller = channel.recvfrom(512)
        if removed:
            head, record = b"\x81\x83\0\1\0\0\0\0\0\0", b""
        elif asked[-4:-2] == b"\0\x01":
            head, record = b"\x81\x80\0\1\0\1\0\0\0\0", b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
        else:
            head, record = b"\x81\x80\0\1\0\0\0\0\0\0", b""
        channel.sendto(asked[:2] + head + asked[12:] + record, caller)
"""
_TLS_SERVER = """
import signal, socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tls/valid.pem")
signal.signal(signal.SIGUSR1, lambda *_: context.load_cert_chain("tls/over.pem"))
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        caller, _ = listener.accept()
        caller.settimeout(2)
        try:
            with context.wrap_socket(caller, server_side=True) as channel:
                channel.recv(1)
        except OSError:
            continue  # a caller that does not trust it is no reason to stop
"""
_NAME = "supplier.example"


async def _with_a_named_supplier(patient: Patient) -> None:
    (port,) = free_ports(1)
    patient.invite((sys.executable, "-c", _NAME_SERVER, str(port)))
    log = patient.folder / "guests.log"
    await patient.until(lambda: "name server is ready" in log.read_text(), "the name server to answer")
    supplier = {"kind": "dns", "name": _NAME, "server": f"127.0.0.1:{port}", "interval": "500ms", "timeout": "2s"}
    patient.edit(lambda document: document["components"].update(supplier=supplier))


@fault("dns-unresolved", prepare=_with_a_named_supplier)
async def remove_a_name(patient: Patient) -> None:
    """Remove a supplier's name from its name server: it does not resolve any more."""
    patient.mark()
    patient.guests[0].send_signal(signal.SIGUSR1)


async def _with_a_trusted_supplier(patient: Patient) -> None:
    (port,) = free_ports(1)
    _write_certificates(patient)
    guest = patient.invite((sys.executable, "-c", _TLS_SERVER, str(port)))
    await patient.until(lambda: any(each.pid == guest.pid for each in proc.holders(port)), "the supplier to listen")
    place = {"host": "127.0.0.1", "port": port, "server_name": _NAME, "ca": "tls/ca.pem"}
    supplier = {"kind": "tls", **place, "interval": "500ms", "timeout": "3s"}
    patient.edit(lambda document: document["components"].update(supplier=supplier))


def _write_certificates(patient: Patient) -> None:
    """An authority, and two certificates of it for the same name: one valid, one past its last day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = patient.folder / "tls"
    folder.mkdir()
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of the drill")])
    for file, name, days in (("ca", None, 90), ("valid", _NAME, 60), ("over", _NAME, -1)):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) if name else authority
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=name is None, path_length=None), critical=True)
        )
        if name:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (folder / f"{file}.pem").write_bytes(certificate + (private if name else b""))


def _cannot_issue() -> str | None:
    return None if find_spec("cryptography") else "certificates need the extra `tls` (`pip install paramedic[tls]`)"


@fault("tls-expired", prepare=_with_a_trusted_supplier, impossible=_cannot_issue)
async def let_a_certificate_expire(patient: Patient) -> None:
    """Let a supplier present a certificate that is past its last day."""
    patient.mark()
    patient.guests[0].send_signal(signal.SIGUSR1)
