"""Services made of values, for tests that need no patient."""

from pathlib import Path
from typing import Any

from paramedic.model.component import Component
from paramedic.model.service import Ladder, Service, Settings
from paramedic.model.status import Severity

DEFAULTS: dict[str, Any] = {
    "node": "bench",
    "auto_recovery": True,
    "max_recovery_attempts": 3,
    "recovery_cooldown_s": 300.0,
    "recoveries_at_once": 2,
    "crash_loop_exits": 5,
    "crash_loop_window_s": 60.0,
    "flapping_changes": 6,
    "flapping_window_s": 300.0,
    "confirm_looks": 2,
    "verify_times": 2,
    "verify_within_s": 2.0,
    "checks_at_once": 8,
    "health_check_interval_s": 300.0,
    "retention_days": 7.0,
    "backup_interval_s": 3600.0,
    "log_max_bytes": 10_000_000,
    "log_keep": 3,
    "heartbeat_url": None,
    "heartbeat_interval_s": 60.0,
    "error_report_webhook": None,
    "critical_error_notifications": True,
    "diagnostic_enabled": True,
    "state_backup_enabled": True,
    "debug": False,
    "verbose": False,
}


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a service that lives in ``folder``."""
    state = folder / ".paramedic"
    places = {
        "state_dir": state,
        "store": f"sqlite:///{state / 'state.sqlite'}",
        "reports_path": folder / "diagnostics",
    }
    known = set(Settings.__dataclass_fields__)
    return Settings(**{name: value for name, value in {**DEFAULTS, **places, **changes}.items() if name in known})


LADDERS = {
    Severity.P0: Ladder(L2_s=600.0, L3_s=1800.0, L4_s=7200.0, remind_s=900.0, at_once=2),
    Severity.P1: Ladder(L2_s=600.0, L3_s=1800.0, L4_s=7200.0, remind_s=3600.0),
    Severity.P2: Ladder(L2_s=7200.0, L3_s=14400.0, remind_s=14400.0),
    Severity.P3: Ladder(remind_s=86400.0),
}


def part(name: str, *depends_on: str, kind: str = "http", **fields: Any) -> Component:
    """A component that only has a name and needs."""
    return Component(name=name, kind=kind, target=None, depends_on=depends_on, **fields)


def make_service(folder: Path, *components: Component, settings: Settings | None = None, **fields: Any) -> Service:
    """A service of these components."""
    return Service(
        name="scene",
        path=folder / "paramedic.yaml",
        components={each.name: each for each in components},
        settings=settings or make_settings(folder),
        **{"ladders": LADDERS, **fields},
    )
