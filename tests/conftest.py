"""What every test run says of its machine."""

import os
import shutil

import pytest

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
SYSTEM = {
    "monit": "Monit",
    "runsv": "runit",
    "systemd-analyze": "systemd",
    "nginx": "nginx",
    "redis-server": "Redis",
    "mariadbd": "MariaDB",
    "prometheus": "Prometheus",
    "prometheus-alertmanager": "Alertmanager",
    "node": "Node",
    "unshare": "namespaces (util-linux)",
}
"""Programs from Debian packages that `make test-system` uses."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what could not be tried here."""
    absent = [name for program, name in SYSTEM.items() if not shutil.which(program, path=_PATH)]
    if os.geteuid() != 0:
        absent.append("root (small file systems of their own for full disks)")
    terminalreporter.write_line(f"absent on this machine: {', '.join(absent) or 'nothing'}")
