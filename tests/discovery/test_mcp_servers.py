"""Servers of tools in the configuration of MCP clients become components; their secrets stay where they are."""

import json
import os
from pathlib import Path

import pytest

from paramedic.discovery.guess import Guesses
from paramedic.discovery.mcp_servers import add_servers
from paramedic.discovery.writing import written
from paramedic.sdk import load_packs
from paramedic.service import load


def found_in(folder: Path) -> Guesses:
    found = Guesses()
    add_servers(folder, folder, load_packs(), found)
    return found


def test_what_a_desktop_client_has(tmp_path: Path) -> None:
    """Commands with their environment, addresses with their headers; nothing is started by the checks of the draft."""
    servers = {
        "time": {"command": "uvx", "args": ["mcp-server-time", "--local-timezone=Europe/Berlin"]},
        "git hub": {
            "command": "npx", "args": ["-y", "@scope/server"],
            "env": {"GITHUB_TOKEN": "ghp_averysecretvalue123", "LEVEL": "info", "ROOT": "${HOME}/x$1"},
        },
        "web": {"type": "http", "url": "http://127.0.0.1:3001/mcp", "headers": {"Authorization": "Bearer ${API_TOKEN}"}},
        "off": {"command": "x", "disabled": True},
    }  # fmt: skip
    (tmp_path / "claude_desktop_config.json").write_text(json.dumps({"mcpServers": servers}))
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"again": servers["time"]}}))
    found = found_in(tmp_path)
    text = written("shop", found.components.values(), found.left_out)
    service = load(tmp_path / "paramedic.yaml", load_packs(), {**os.environ, "API_TOKEN": "t0p-secret"}, text=text)
    assert set(service.components) == {"again", "git-hub", "web"}
    again, git, web = (service.components[each].target for each in ("again", "git-hub", "web"))
    assert again.command == ("uvx", "mcp-server-time", "--local-timezone=Europe/Berlin")
    assert not again.launch
    assert git.env["LEVEL"] == "info"
    assert str(git.env["ROOT"]).endswith("/x$1")
    assert "averysecret" not in text
    assert "t0p-secret" not in text
    assert web.headers["Authorization"].reveal() == "Bearer t0p-secret"


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "x", "args": ["--api-key", "abc123def"]},
        {"command": "x", "args": ["--token=abc123def"]},
        {"command": "x", "args": ["postgresql://u:hunter22@db/x"]},
        {"url": "http://u:hunter22@host/mcp"},
        {"url": "http://host/sse", "type": "sse"},
        {},
    ],
)
def test_what_is_left_out_says_why(tmp_path: Path, entry: dict[str, object]) -> None:
    """No secret is copied, and nothing that cannot be looked at is declared."""
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"one": entry}}))
    found = found_in(tmp_path)
    assert not found.components
    [left] = found.left_out
    assert "a server of tools in .mcp.json" in left.why
    assert "hunter22" not in left.why
    assert "abc123def" not in left.why


@pytest.mark.parametrize(
    "text", ["", "[", "[]", '{"mcpServers": 5}', '{"mcpServers": {"a": 5}}', "\x00" * 50, "[" * 9999]
)
def test_hostile_files_tell_nothing(tmp_path: Path, text: str) -> None:
    """Whatever stands in them."""
    (tmp_path / ".mcp.json").write_text(text)
    (tmp_path / "mcp.json").mkdir()
    found = found_in(tmp_path)
    assert not found.components
    assert not found.left_out
