"""A certificate, understood; whether or not anybody trusts it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

_FEWEST_RSA_BITS = 2048
_FEWEST_EC_BITS = 224
_BROKEN_HASHES = {"md5", "sha1"}


class NoReader(Exception):
    """The library that reads certificates is not installed."""


class Unreadable(Exception):
    """Bytes that are no certificate, or one too strange to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says."""

    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    """Host names, possibly with a ``*`` in front, and addresses."""
    key: str
    """Such as ``RSA 2048``."""
    weaknesses: tuple[str, ...]
    """What of it is weaker than is safe today."""

    @property
    def is_self_signed(self) -> bool:
        """Whether it vouches for itself."""
        return self.subject == self.issuer

    @property
    def told(self) -> str:
        """In one line."""
        return (
            f"{self.subject}, issued by {'itself' if self.is_self_signed else self.issuer}, "
            f"valid from {self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M} UTC, {self.key}"
        )

    def is_for(self, name: str) -> bool:
        """Whether it carries a host's name or address (RFC 6125: ``*`` stands for one label, the first)."""
        try:
            wanted = ipaddress.ip_address(name)
        except ValueError:
            plain = name.encode("idna").decode().rstrip(".").lower()
            _, _, domain = plain.partition(".")
            fitting = {plain, f"*.{domain}"} if "." in domain else {plain}
            return any(each.lower() in fitting for each in self.names)
        return str(wanted) in self.names


def read_all(chain: Sequence[bytes]) -> tuple[Certificate, ...]:
    """Understand certificates.

    Raises:
        NoReader: they cannot be read here.
        Unreadable: one of them makes no sense.
    """
    try:
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
    except ModuleNotFoundError:
        raise NoReader from None
    try:
        return tuple(_read(x509.load_der_x509_certificate(each)) for each in chain)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise Unreadable(str(error)) from None


def _read(certificate: "x509.Certificate") -> Certificate:
    subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    key, weaknesses = _key(certificate)
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _BROKEN_HASHES and subject != issuer:
        weaknesses = (*weaknesses, f"its signature uses {algorithm.name.upper()}")
    return Certificate(
        subject=_printable(subject) or "nobody",
        issuer=_printable(issuer) or "nobody",
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        names=tuple(map(_printable, _names(certificate))),
        key=key,
        weaknesses=weaknesses,
    )


def _names(certificate: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        # Without any name it is the common name that counts; so OpenSSL does it.
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(each.value) for each in common)
    hosts = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return (*hosts, *map(str, addresses))


def _key(certificate: "x509.Certificate") -> tuple[str, tuple[str, ...]]:
    """The key in words, and its weakness."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            told, is_weak = f"RSA {key.key_size}", key.key_size < _FEWEST_RSA_BITS
        case ec.EllipticCurvePublicKey():
            told, is_weak = f"EC {key.curve.name}", key.key_size < _FEWEST_EC_BITS
        case dsa.DSAPublicKey():
            told, is_weak = f"DSA {key.key_size}", True
        case _:
            told, is_weak = type(key).__name__.removesuffix("PublicKey"), False
    return told, (f"its key is {told}",) if is_weak else ()


def _printable(text: str) -> str:
    """Text from outside that can be printed and stored."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else "�" for each in clean)[:300]
