"""The shop's server of tools: speaks the Model Context Protocol over streamable HTTP, with the standard library alone.

Usage: ``python -m paramedic.demo.patient.tools PORT``, in the shop's folder. ``data/tools.json`` says which release of
it runs: the revisions of the protocol that it speaks, and what it offers. What is filed stands in ``data/filed.jsonl``,
once for each id, however often it is asked for.
"""

import json
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RELEASE = Path("data/tools.json")
FILED = Path("data/filed.jsonl")
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
TOOLS: dict[str, dict[str, Any]] = {  # Any: JSON Schema
    "stock": {
        "description": "How many of an item are in stock.",
        "inputSchema": {
            "type": "object",
            "properties": {"item": {"type": "string", "description": "Its name in the catalogue."}},
            "required": ["item"],
        },
    },
    "file_question": {
        "description": "Keep a question for a colleague; filed once for each id.",
        "inputSchema": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
            "required": ["id", "text"],
        },
    },
}
_STOCK = {"blue lamp": 3, "white lamp": 12}
_LARGEST = 4 << 20
_METHOD_NOT_FOUND, _INVALID = -32601, -32602


class Shelf:
    """What the tools do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filed = {json.loads(line)["id"] for line in FILED.read_text().splitlines()} if FILED.exists() else set()

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The text of a tool's result; raises ``KeyError`` where it is none, or an argument is missing."""
        if name == "stock":
            return f"{_STOCK.get(str(arguments['item']), 0)} in stock"
        if name != "file_question":
            raise KeyError(name)
        entry = {"id": str(arguments["id"]), "text": str(arguments["text"])}
        with self._lock:
            if entry["id"] in self._filed:
                return "filed before"
            with FILED.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            self._filed.add(entry["id"])
        return "filed"


def _release() -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(RELEASE.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _answered(shelf: Shelf, message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request of the protocol."""
    release, params = _release(), message.get("params") or {}
    tools: dict[str, Any] = {**TOOLS, **release.get("tools", {})}
    tools = {name: tool for name, tool in tools.items() if tool}
    match message.get("method"):
        case "initialize":
            revisions = release.get("revisions", REVISIONS)
            wanted = params.get("protocolVersion")
            result: dict[str, Any] = {
                "protocolVersion": wanted if wanted in revisions else revisions[-1],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "shop-tools", "version": str(release.get("version", "1.0"))},
            }
        case "ping":
            result = {}
        case "tools/list":
            result = {"tools": [{"name": name, **tool} for name, tool in tools.items()]}
        case "tools/call":
            try:
                text = shelf.call(params["name"], params.get("arguments") or {})
            except KeyError as missing:
                return {"error": {"code": _INVALID, "message": f"there is no {missing}"}}
            result = {"content": [{"type": "text", "text": text}], "isError": False}
        case other:
            return {"error": {"code": _METHOD_NOT_FOUND, "message": f"there is no method {other}"}}
    return {"result": result}


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != "/mcp" or length > _LARGEST:
                self.close_connection = True
                self._send(404 if self.path != "/mcp" else 413)
                return
            try:
                message = json.loads(self.rfile.read(length))
            except ValueError:
                self._send(400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no JSON"}})
                return
            if not isinstance(message, dict) or "id" not in message:
                self._send(202)
                return
            self._send(200, {"jsonrpc": "2.0", "id": message["id"], **_answered(shelf, message)})

        def do_GET(self) -> None:
            self._send(405)

        def do_DELETE(self) -> None:
            self._send(405)

        def _send(self, status: int, body: Mapping[str, Any] | None = None) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            if body is not None:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each request."""

    return Answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    _Server(("127.0.0.1", int(sys.argv[1])), _handler(Shelf())).serve_forever()
