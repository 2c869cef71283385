"""What takes long to import is not taken from the time of a look."""

import subprocess
import sys

from paramedic.packs.websocket.checks import stays_open


def test_the_pack_imports_nothing_that_takes_long():
    """`paramedic --help` and checks of other kinds do not pay for WebSockets."""
    code = "import sys, paramedic.packs.websocket; raise SystemExit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_takes_long_is_declared():
    """The runner imports it before the time of a look begins."""
    code = f"import sys, {', '.join(stays_open.imports)}; raise SystemExit('aiohttp' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
