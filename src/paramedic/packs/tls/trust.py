"""Ways to begin a TLS connection: as an application does, and in the ways that tell why that fails."""

import ssl
import warnings
from functools import lru_cache
from pathlib import Path

from paramedic.sdk.files import read_whole

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which the ssl module has no name."""
_LARGEST_CA = 8 << 20


def strict(ca: Path | None) -> ssl.SSLContext:
    """As an application does: everything about the certificate is verified.

    Raises:
        OSError: the file of authorities cannot be read, or holds none (``ssl.SSLError`` is one).
        ValueError: it is empty.
    """
    return _verifying(_authorities(ca), _stamp())


def dateless(ca: Path | None) -> ssl.SSLContext:
    """Verifies only who vouches for the certificate: neither its dates nor its names. Raises as ``strict`` does."""
    context = ssl.create_default_context(cadata=_authorities(ca))
    context.check_hostname = False
    context.verify_flags |= _NO_CHECK_TIME
    return context


def blind() -> ssl.SSLContext:
    """Verifies nothing, so that whatever is presented can be looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


@lru_cache(maxsize=1)
def ancient() -> ssl.SSLContext:
    """Speaks only what nobody should speak any more: TLS 1.0 and 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # to name them at all is deprecated, and here they are what is looked for
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _authorities(ca: Path | None) -> str | None:
    if ca is None:
        return None
    text = read_whole(ca, _LARGEST_CA).decode("ascii", errors="backslashreplace")
    if not text.strip():  # which the ssl module would take for the system's authorities
        raise ValueError("it is empty")
    return text


@lru_cache(maxsize=16)
def _verifying(authorities: str | None, _stamp: tuple[int, ...]) -> ssl.SSLContext:
    """The system's authorities take 25 ms to read, so they are read again only when they changed."""
    return ssl.create_default_context(cadata=authorities)


def _stamp() -> tuple[int, ...]:
    paths = ssl.get_default_verify_paths()
    stamps = []
    for each in (paths.cafile, paths.capath):
        try:
            stamps.append(Path(each).stat().st_mtime_ns if each else 0)
        except OSError:
            stamps.append(0)
    return tuple(stamps)
