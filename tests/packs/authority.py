"""Certificates made on the fly: authorities, and what they issue."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its key, and whoever signed it."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    above: "tuple[Issued, ...]" = ()

    @classmethod
    def make(
        cls,
        name: str,
        *names: str,
        by: "Issued | None" = None,
        days: float = 365,
        since_days: float = 1,
        is_authority: bool = False,
        key: CertificateIssuerPrivateKeyTypes | None = None,
    ) -> Self:
        """Sign one, valid from ``since_days`` ago for ``days`` from now; by itself where nobody else is named."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(by.certificate.subject if by else own)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=since_days))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), False)
        certificate = builder.sign(by.key if by else key, _digest(by.key if by else key))
        return cls(certificate=certificate, key=key, above=(by, *by.above) if by else ())

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path, *, is_whole: bool = True) -> tuple[Path, Path]:
        """Files for a server: the chain (without the root; only its own certificate if not whole), and the key."""
        chain, key = folder / "chain.pem", folder / "key.pem"
        above = [each.pem for each in self.above[:-1]] if is_whole else []
        chain.write_bytes(b"".join([self.pem, *above]))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return chain, key


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _digest(key: CertificateIssuerPrivateKeyTypes) -> hashes.HashAlgorithm | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
