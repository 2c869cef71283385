"""Which values must never be shown, and gathering them for redaction."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

_SECRET_WORD = re.compile(
    r"(^|[^a-z])(token|passw(or)?d|passphrase|pwd|secret|apikey|dsn|credentials?|authorization)($|[^a-z])"
    r"|(?<!primary)(?<!foreign)(?<!public)(?<!cache)(?<!sort)[^a-z]key($|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LIBPQ = re.compile(r"\bpassword\s*=\s*('[^']*'|\S+)")
_SHORTEST = 4
"""Hiding every `1` or `yes` of a report would hide the report."""
_SHORTEST_NUMBER = 8
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}")


def looks_secret(name: str) -> bool:
    """Whether a key or variable of this name holds what nobody should see."""
    return bool(_SECRET_WORD.search(_CAMEL.sub("_", name).lower()))


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
            if looks_secret(name) and not value.startswith(("/", ".", "~")):  # paths to secrets are none
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
        for each in (password or "", *(value for name, value in query if looks_secret(name))):
            self._keep(each)
            self._keep(unquote(each))

    def address(self, text: str) -> None:
        """An address to which messages go: its opaque parts are often keys by themselves."""
        self.inside(text)
        for opaque in _OPAQUE.findall(text.partition("://")[2].partition("/")[2]):
            self._keep(opaque)

    def _keep(self, value: str) -> None:
        value = value.strip()
        is_number = value.isdigit() and len(value) < _SHORTEST_NUMBER
        if len(value) >= _SHORTEST and not is_number and value.lower() not in ("true", "false", "none", "null"):
            self._values[value] = None
