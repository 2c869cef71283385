"""``paramedic mcp`` with the shop's own server of tools, run as users run it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from living import free_port, until

SERVICE = """\
# the shop
service: shop
components:
  tools:
    kind: mcp  # stock and questions
    url: http://127.0.0.1:PORT/mcp
    headers: {Authorization: "${SHOP_KEY:-secret-of-the-shop}"}
settings: {verify_within: 5s}
"""


@pytest.fixture
def mcp(home: Path, paramedic) -> Iterator[object]:
    """Runs ``paramedic mcp …`` beside a running server of tools."""
    port = free_port()
    (home / "data").mkdir()
    (home / "paramedic.yaml").write_text(SERVICE.replace("PORT", str(port)))
    server = subprocess.Popen([sys.executable, "-m", "paramedic.demo.patient.tools", str(port)], cwd=home)

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    until(answers, 30, "the server")
    yield lambda *arguments: paramedic("mcp", *arguments)
    server.kill()
    server.wait()


def test_tools_are_seen_called_and_written_down(home: Path, mcp) -> None:
    """The way that a person goes, until a changed tool is told."""
    ran = mcp("tools", "--json")
    assert ran.returncode == 0, ran.stderr
    assert [each["name"] for each in json.loads(ran.stdout)["tools"]] == ["file_question", "stock"]
    ran = mcp("call", "tools", "stock", '{"item": "blue lamp"}', "--yes", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["result"]["content"][0]["text"] == "3 in stock"
    ran = mcp("call", "tools", "stock", "no json", "--yes")
    assert ran.returncode == 64
    ran = mcp("record", "--yes")
    assert (ran.returncode, ran.stdout) == (0, "wrote 2 tools to `tools.tools.json`\n"), ran.stderr
    (home / "data" / "tools.json").write_text(json.dumps({"tools": {"stock": None}}))
    ran = mcp("status", "--format", "json")
    assert ran.returncode == 2
    assert "mcp.tools-changed" in ran.stdout
    assert "secret-of-the-shop" not in ran.stdout + ran.stderr


def test_servers_are_declared(home: Path, mcp) -> None:
    """What is added or set stands in the service file, with all that stood there before; what is wrong does not."""
    assert mcp("add-server", "clock", "--", "uvx", "mcp-server-time").returncode == 0
    assert mcp("set-protocol", "tools", "2025-06-18").returncode == 0
    text = (home / "paramedic.yaml").read_text()
    assert "kind: mcp  # stock and questions" in text
    assert "clock: {kind: mcp, command: [uvx, mcp-server-time]}" in text
    assert len(list(home.glob("paramedic.yaml.*.bak"))) == 2
    ran = mcp("config", "show", "--json")
    tools, clock = json.loads(ran.stdout)["servers"]
    assert (tools["protocol"], tools["headers"]) == ("2025-06-18", {"Authorization": "***"})
    assert clock["command"] == ["uvx", "mcp-server-time"]
    assert mcp("set-protocol", "tools", "1999").returncode == 78
    assert mcp("add-server", "clock", "--url", "http://127.0.0.1:1/mcp").returncode == 64
    assert mcp("tools").returncode == 64
    assert (home / "paramedic.yaml").read_text() == text
