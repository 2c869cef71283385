"""``${NAME}`` and ``${NAME:-default}`` in the values of a file; ``$${`` stands for ``${``."""

import re
from collections.abc import Mapping
from pathlib import Path

from paramedic.report.secret_names import is_secret_key
from paramedic.service.hidden import Hidden
from paramedic.service.problems import Problems, quoted
from paramedic.service.tree import Items, Node, Scalar, Table, void

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_LONGEST = 1 << 20
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)


class Variables:
    """Fills in the environment."""

    def __init__(
        self, environ: Mapping[str, str], hidden: Hidden, problems: Problems, *, beside: Path | None = None
    ) -> None:
        """``beside``: a file of settings that the service reads and we do not; it is only spoken of."""
        self._environ = environ
        self._beside = beside
        self._hidden = hidden
        self._problems = problems

    def fill(self, node: Node) -> Node:
        """The same tree with every reference replaced."""
        match node:
            case Scalar():
                return self._scalar(node) if "${" in node.text else node
            case Items():
                return Items(node.line, tuple(self.fill(each) for each in node.nodes))
            case Table():
                return Table(node.line, {key: self.fill(each) for key, each in node.nodes.items()}, node.lines)

    def named(self, name: str, line: int | None) -> Scalar | None:
        """The value of one variable; a missing one is a problem."""
        value = self._environ.get(name)
        if value is None:
            near = self._problems.did_you_mean(name, self._environ) if name else None
            self._problems.add(
                f"the environment variable {quoted(name)} is not set",
                line=line,
                hint=self._stands_beside(name) or near or f"set it, or write `${{{name}:-default}}`",
            )
            return None
        try:
            value.encode()
        except UnicodeEncodeError:
            self._problems.add(f"the environment variable {quoted(name)} is not UTF-8", line=line)
            return None
        secret = is_secret_key(name)
        if secret:
            self._hidden.add(value)
        return Scalar(line, value, value, secret)

    def _stands_beside(self, name: str) -> str | None:
        """How to have a variable read that stands in the settings of the service."""
        if self._beside is None or not name:
            return None
        try:
            with self._beside.open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8", "replace")
        except OSError:
            return None
        if not re.search(rf"^[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=", text, re.MULTILINE):
            return None
        shown = self._beside.name
        return (
            f"{quoted(shown)} beside it sets it, but is not read by itself: run `set -a; . ./{shown}; set +a` before, "
            f"name it as `EnvironmentFile=` in the unit of Paramedic, or write host and port instead of the variable"
        )

    def _scalar(self, node: Scalar) -> Scalar:
        secret, is_void = node.secret, False

        def replaced(found: re.Match[str]) -> str:
            nonlocal secret, is_void
            if found[0] == "$${":
                return "${"
            parts = _NAME.fullmatch(found[1] or "")
            if parts is None:
                self._problems.add(
                    f"{quoted(found[0])} cannot be understood",
                    line=node.line,
                    expected="`${NAME}` or `${NAME:-default}`",
                    hint="write `$${` where the text itself holds `${`",
                )
                is_void = True
                return ""
            name, default = parts[1], parts[3]
            if default is not None and not self._environ.get(name):
                return default
            value = self.named(name, node.line)
            if value is None:
                is_void = True
                return ""
            secret = secret or value.secret
            return value.text

        text = _REFERENCE.sub(replaced, node.text)
        return void(node.line) if is_void else Scalar(node.line, text, text, secret)
