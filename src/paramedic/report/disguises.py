"""The forms in which a secret appears in logs, URLs, headers and files."""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

_SHORTEST_ENCODED = 5
"""Shorter encoded forms are left out: they would match by chance."""


def disguises(secrets: Iterable[str]) -> tuple[str, ...]:
    """Every form of every secret, longest first. The password within a secret address is a secret, too."""
    forms: set[str] = set()
    for secret in secrets:
        for value in {secret, secret.strip(), *_lines(secret), *_password(secret)}:
            if value:
                forms.add(value)
                forms |= {form for form in _encoded(value) if len(form) >= _SHORTEST_ENCODED}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _encoded(value: str) -> Iterator[str]:
    octets = value.encode("utf-8", "surrogatepass")
    percent = quote(octets, safe="")
    yield from (percent, quote(octets), quote_plus(octets), quote(percent, safe=""))
    yield "".join(f"%{octet:02X}" for octet in octets)
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"), json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    yield repr(value)[1:-1]
    yield repr(octets)[2:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield octets.hex()
    yield octets.hex().upper()
    yield from _base64(octets)


def _base64(octets: bytes) -> Iterator[str]:
    """Alone, and in the middle of something longer that was encoded as a whole, such as ``user:password``."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + octets).decode()
        # the characters that also hold bits of the neighbours are left out
        inner = encoded[(0, 2, 3)[offset] : (len(octets) + offset) * 8 // 6]
        yield from (inner, inner.translate(str.maketrans("+/", "-_")))


def _lines(secret: str) -> Iterator[str]:
    """A key of several lines may be quoted line by line."""
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= 16)


def _password(secret: str) -> Iterator[str]:
    if "://" not in secret:
        return
    try:
        password = urlsplit(secret).password
    except ValueError:  # no address after all
        return
    if password:
        yield from (password, unquote(password))
