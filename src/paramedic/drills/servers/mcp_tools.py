"""A server of tools on the official library, over streamable HTTP or standard input and output.

Usage: ``python -m paramedic.drills.servers.mcp_tools http PORT`` or ``… stdio``. A file ``release.json`` in its working
directory says which release of it starts: ``chatty`` prints to standard output what is no message, ``revision`` is the
only one that it knows, ``without`` names a tool that it lost, ``renamed`` an argument that it renamed, ``ends`` is a
text with which it exits at once.
"""

import json
import os
import sys
import time
from pathlib import Path

from mcp.server import MCPServer
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

RELEASE = Path("release.json")


def build(release: dict[str, object]) -> MCPServer:
    """The server as the release has it."""
    server = MCPServer("shelf", version="1.2", log_level="ERROR")

    def find(title: str, limit: int = 5) -> str:
        """Find books by a part of their title."""
        return f"at most {limit} books named {title}"

    def find_renamed(name: str, limit: int = 5) -> str:
        """Find books by a part of their title."""
        return f"at most {limit} books named {name}"

    async def reserve(book: str) -> str:
        """Reserve a book."""
        return f"reserved {book}"

    def count(seconds: float) -> str:
        """Count every book by hand, which keeps a core busy for so long."""
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            sum(range(1000))
        return "many"

    async def ponder(seconds: float) -> str:
        """Count every book in one's head, and hear nobody meanwhile."""
        return count(seconds)

    server.add_tool(find_renamed if release.get("renamed") else find, name="find")
    for tool in (reserve, count, ponder):
        if tool.__name__ != release.get("without"):
            server.add_tool(tool)
    return server


def _speak_only(revision: str) -> None:
    """As a server that was never updated since."""
    from mcp.server import runner, streamable_http_manager

    for module in (runner, streamable_http_manager):
        vars(module)["HANDSHAKE_PROTOCOL_VERSIONS"] = (revision,)
    vars(runner)["LATEST_HANDSHAKE_VERSION"] = revision


def main() -> None:
    """Serve until told to stop."""
    release = json.loads(RELEASE.read_text()) if RELEASE.exists() else {}
    if told := release.get("ends"):
        sys.exit(str(told))
    if revision := release.get("revision"):
        assert revision in HANDSHAKE_PROTOCOL_VERSIONS
        _speak_only(str(revision))
    server = build(release)
    if release.get("chatty"):
        os.write(1, b"INFO shelf 1.2: 3 books loaded\n")
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))


if __name__ == "__main__":
    main()
