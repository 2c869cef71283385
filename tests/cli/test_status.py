"""What is shown without looking again: never more than is known."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from paramedic.model.clock import SystemClock
from paramedic.model.component import Desired
from paramedic.model.finding import Finding
from paramedic.model.status import Status
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.store import open_store

CHECK = "tcp.accepts-connections"
Run = Callable[..., CompletedProcess[str]]
SERVICE = """
service: shop
components:
  api: {kind: tcp, host: 127.0.0.1, port: 2, interval: 5s}
  door: {kind: tcp, host: 127.0.0.1, port: 1, interval: 5s}
"""


@pytest.fixture
def tell(home: Path) -> Callable[..., None]:
    """Writes records as a watch would: what was seen when, and until when somebody watches."""
    (home / "paramedic.yaml").write_text(SERVICE)
    service = load(home / "paramedic.yaml", load_packs(), os.environ)

    def record(seen: dict[str, Status], *, seen_ago_s: float, watched_for_s: float | None) -> None:
        now = datetime.now(UTC)
        found = [
            Finding(
                component=name,
                kind="tcp",
                check=CHECK,
                status=status,
                code=None,
                observed="seen",
                at=now - timedelta(seconds=seen_ago_s),
            )
            for name, status in seen.items()
        ]
        store = open_store(service.settings.store, node=service.settings.node, clock=SystemClock())
        try:
            with store.begin() as tx:
                tx.findings.put(found)
                tx.desired.set("api", Desired.RUNNING, by="watch", at=now)
                if watched_for_s is not None:
                    until = now + timedelta(seconds=watched_for_s)
                    tx.nodes.renew(service.settings.node, holder="pid 1", now=now - timedelta(days=1), until=until)
        finally:
            store.close()

    return record


OK, WARNING, CRITICAL, BLIND = Status.OK, Status.WARNING, Status.CRITICAL, Status.UNKNOWN
EXIT = {"healthy": 0, "degraded": 1, "critical": 2, "unknown": 3}


@pytest.mark.parametrize(
    ("records", "overall"),
    [
        pytest.param(((), 0, 60), "unknown", id="never looked"),
        pytest.param(((OK,), 0, 60), "unknown", id="half looked"),
        pytest.param(((OK, OK), 1, 60), "healthy", id="healthy"),
        pytest.param(((OK, BLIND), 1, 60), "unknown", id="cannot look"),
        pytest.param(((OK, WARNING), 1, 60), "degraded", id="warning"),
        pytest.param(((BLIND, CRITICAL), 1, 60), "critical", id="failing"),
        pytest.param(((OK, OK), 61, 600), "unknown", id="too long ago"),
        pytest.param(((OK, OK), 2, -1), "unknown", id="the watch is over"),
        pytest.param(((OK, CRITICAL), 2, -1), "unknown", id="failing, and the watch is over"),
        pytest.param(((OK, OK), 1, -30), "healthy", id="looked at since"),
        pytest.param(((OK, OK), 1, None), "healthy", id="never watched"),
    ],
)
def test_what_is_not_known_is_never_shown_as_healthy(
    paramedic: Run, tell: Callable[..., None], records: Any, overall: str
) -> None:
    """Not looked at, not able to look, looked at too long ago, or by a watch that is over: unknown."""
    seen, seen_ago_s, watched_for_s = records
    tell(dict(zip(("api", "door"), seen, strict=False)), seen_ago_s=seen_ago_s, watched_for_s=watched_for_s)
    ended = paramedic("status", "--format", "json")
    told = json.loads(ended.stdout)
    assert (told["overall"], ended.returncode) == (overall, EXIT[overall])
    if overall == "unknown":
        assert "unknown" in {each["status"] for each in told["components"]}
        assert "healthy" not in paramedic("status").stdout.splitlines()[0]


def test_who_stopped_looking_is_told(paramedic: Run, tell: Callable[..., None]) -> None:
    """With the time, and with what was seen last."""
    tell({"api": Status.OK, "door": Status.OK}, seen_ago_s=5, watched_for_s=-2)
    assert "nobody watches since" in paramedic("status").stdout


def test_before_the_first_watch_nothing_is_written(paramedic: Run, home: Path) -> None:
    """It reads; where there is nothing to read it makes nothing."""
    (home / "paramedic.yaml").write_text(SERVICE)
    before = sorted(home.rglob("*"))
    assert paramedic("status").returncode == 3
    assert sorted(home.rglob("*")) == before


def test_the_public_page_needs_features(paramedic: Run, tell: Callable[..., None]) -> None:
    """Without `status_page` nothing goes out; with it the features by their names, and nothing else."""
    tell({"api": Status.OK, "door": Status.CRITICAL}, seen_ago_s=1, watched_for_s=60)
    assert paramedic("status", "--public").returncode == 64
    assert paramedic("status", "--format", "html").returncode == 64
    with Path("paramedic.yaml").open("a") as file:
        file.write("status_page: {title: Shop, components: {Chat: [api], Delivery: [door]}}\n")
    ended = paramedic("status", "--public")
    assert ended.returncode == 2
    assert "Delivery   major outage" in ended.stdout
    assert "door" not in ended.stdout
    assert json.loads(paramedic("status", "--public", "--json").stdout)["components"]["Chat"] == "operational"
    assert "<title>" in paramedic("status", "--public", "--format", "html").stdout


def test_a_public_page_of_parts_that_are_not_there(paramedic: Run, tell: Callable[..., None]) -> None:
    """It is a mistake in the service file, with what was meant."""
    tell({}, seen_ago_s=1, watched_for_s=60)
    with Path("paramedic.yaml").open("a") as file:
        file.write("status_page: {components: {Chat: [apj]}}\n")
    ended = paramedic("status", "--public")
    assert ended.returncode == 78
    assert "did you mean `api`" in ended.stderr
