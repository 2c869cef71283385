"""The shop as a client of its server of tools."""

import json
import urllib.request
from typing import Any

_REVISION = "2025-11-25"
_WAIT_S = 2


class ToolFailed(Exception):
    """The server answered with an error."""


class Tools:
    """Calls tools over streamable HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._revision: str | None = None

    def call(self, name: str, **arguments: str) -> str:
        """The text of a tool's result.

        Raises:
            OSError: the server is not there.
            ToolFailed: it refuses.
        """
        if self._revision is None:
            hello = {"protocolVersion": _REVISION, "capabilities": {}, "clientInfo": {"name": "shop", "version": "1"}}
            self._revision = str(self._ask("initialize", hello)["protocolVersion"])
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        try:
            result = self._ask("tools/call", {"name": name, "arguments": arguments})
        except OSError:
            self._revision = None  # another process may answer next time
            raise
        text = " ".join(each.get("text", "") for each in result["content"])
        if result.get("isError"):
            raise ToolFailed(text)
        return text

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        answer = json.loads(self._send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        if "error" in answer:
            raise ToolFailed(str(answer["error"].get("message")))
        result: dict[str, Any] = answer["result"]
        return result

    def _send(self, message: dict[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self._revision:
            headers["MCP-Protocol-Version"] = self._revision
        request = urllib.request.Request(self._url, data=json.dumps(message).encode(), headers=headers)  # noqa: S310  # the shop's own setting
        with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310  # see above
            content: bytes = answer.read()
        return content
