"""Which values must never be shown, and gathering them for redaction."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from paramedic.report.secret_names import is_secret_key

_LIBPQ = re.compile(r"\bpassword\s*=\s*('[^']*'|\S+)")
_SHORTEST = 4
"""Hiding every `1` or `yes` of a report would hide the report."""
_SHORTEST_NUMBER = 8
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}")
_BETWEEN = re.compile(r"[/?#&=]")
_KEY_LIKE = re.compile(r"(?=\S*\d\S*[A-Za-z]|\S*[A-Za-z]\S*\d|\S*[a-z]\S*[A-Z])\S{6,}|\d{9,}|[^\s@.]{16,}")
"""What is no word: to hide `alerts` wherever it stands would make reports unreadable."""
_TO_HOSTS = ("http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"""Schemes of addresses that hold the name of a host; others may hold a key there."""


class Hidden:
    """Secret values found while the file is read."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, longest first, so that no part of one survives the removal of another."""
        return tuple(sorted(self._values, key=lambda each: (-len(each), each)))

    def add(self, value: str) -> None:
        """A whole value from a secret place. Of an address only what is secret in it, unless nothing is."""
        self._keep(value)
        self.inside(value)
        for line in value.splitlines():
            self._keep(line)

    def environment(self, environ: Mapping[str, str]) -> None:
        """What our own environment holds under secret names, and passwords within its addresses.

        A pack may use it and repeat it in an error, and a service file may put it where it does not belong.
        """
        for name, value in environ.items():
            if is_secret_key(name) and not value.startswith(("/", ".", "~")):  # paths to secrets are none
                self.add(value)
            else:
                self.inside(value)

    def inside(self, text: str) -> None:
        """The passwords and keys within an address, as written and decoded."""
        for found in _LIBPQ.finditer(text):
            self._keep(found[1].strip("'"))
        if "://" not in text:
            return
        try:
            parts = urlsplit(text)
            password, query = parts.password, parse_qsl(parts.query)
        except ValueError:  # no address after all
            return
        for each in (password or "", *(value for name, value in query if is_secret_key(name))):
            self._keep(each)
            self._keep(unquote(each))

    def address(self, text: str) -> None:
        """An address to which messages go: its parts are often keys by themselves, and their places depend on whom."""
        self.inside(text)
        scheme, _, rest = text.partition("://")
        place, *parts = _BETWEEN.split(rest)
        user, _, host = place.rpartition("@")
        name, _, password = user.partition(":")
        self._keep(password)
        is_to_a_host = scheme.lower() in _TO_HOSTS
        if not (password or is_to_a_host):
            self._keep(name)  # of a token alone
        if not ("." in host or is_to_a_host):
            parts += host.split(":")
        for part in (name, *parts, *_OPAQUE.findall(rest[len(place) :])):
            if _KEY_LIKE.fullmatch(part):
                self._keep(part)
                self._keep(unquote(part))

    def _keep(self, value: str) -> None:
        value = value.strip()
        is_number = value.isdigit() and len(value) < _SHORTEST_NUMBER
        if len(value) >= _SHORTEST and not is_number and value.lower() not in ("true", "false", "none", "null"):
            self._values[value] = None
