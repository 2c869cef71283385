"""Where settings come from, and which place wins."""

from dataclasses import MISSING, fields
from pathlib import Path
from socket import gethostname

import pytest

from paramedic.model.errors import ConfigurationError
from paramedic.model.service import Settings
from paramedic.service import settings_with_sources
from paramedic.service.settings import ALIASES, variables_of
from service.trial import Trial, one

# As `operations.md` and the contract state them: the alias, what it is set to, the setting, what it comes to.
KNOWN_NAMES = [
    ("DIAGNOSTIC_ENABLED", "false", "diagnostic_enabled", False),
    ("DIAGNOSTIC_REPORTS_PATH", "/var/reports", "reports_path", Path("/var/reports")),
    ("AUTO_DIAGNOSTIC_ON_ERROR", "no", "auto_diagnostic_on_error", False),
    ("AUTO_RECOVERY_ENABLED", "0", "auto_recovery", False),
    ("MAX_RECOVERY_ATTEMPTS", "5", "max_recovery_attempts", 5),
    ("RECOVERY_COOLDOWN", "60", "recovery_cooldown_s", 60),
    ("DEBUG_MODE", "true", "debug", True),
    ("VERBOSE_LOGGING", "FALSE", "verbose", False),
    ("PERFORMANCE_PROFILING", "on", "performance_profiling", True),
    ("MEMORY_PROFILING", "1", "memory_profiling", True),
    ("ERROR_REPORTING_ENABLED", "off", "error_reporting", False),
    ("ERROR_REPORT_WEBHOOK", "https://x.org/h", "error_report_webhook", "https://x.org/h"),
    ("CRITICAL_ERROR_NOTIFICATIONS", "false", "critical_error_notifications", False),
    ("HEALTH_CHECK_INTERVAL", "10m", "health_check_interval_s", 600),
    ("RESOURCE_MONITORING_ENABLED", "false", "resource_monitoring", False),
    ("PERFORMANCE_ALERTS", "false", "performance_alerts", False),
    ("AUTO_BACKUP_ON_ERROR", "true", "auto_backup_on_error", True),
    ("STATE_BACKUP_ENABLED", "false", "state_backup_enabled", False),
    ("RECOVERY_STATE_RETENTION", "30", "retention_days", 30),
]
DEFAULTS = {
    "recoveries_at_once": 2,
    "crash_loop_exits": 5,
    "crash_loop_window_s": 60,
    "flapping_changes": 6,
    "flapping_window_s": 300,
    "confirm_looks": 2,
    "verify_times": 2,
    "verify_within_s": 60,
    "checks_at_once": 64,
    "retention_days": 7,
    "backup_interval_s": 3600,
    "log_max_bytes": 10_000_000,
    "log_keep": 3,
    "heartbeat_interval_s": 60,
    "max_recovery_attempts": 3,
    "recovery_cooldown_s": 300,
    "health_check_interval_s": 300,
    "auto_recovery": True,
    "diagnostic_enabled": True,
    "debug": False,
    "verbose": True,
    "performance_profiling": False,
    "memory_profiling": False,
    "incident_profile": True,
    "auto_backup_on_error": False,
    "error_report_webhook": None,
    "heartbeat_url": None,
}


def test_defaults_are_those_that_operations_state(trial: Trial) -> None:
    """Nothing set, everything as documented; state lives beside the service file."""
    settings = trial.api("").settings
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert settings.state_dir == trial.folder / ".paramedic"
    assert settings.store == f"sqlite:///{trial.folder}/.paramedic/paramedic.db"
    assert settings.reports_path == trial.folder / "diagnostics"
    assert settings.node == gethostname()


def test_the_defaults_file_names_every_setting(trial: Trial) -> None:
    """Defaults stand in the file; the few that the class repeats for its other users agree with it."""
    settings = trial.api("").settings
    for field in fields(Settings):
        if field.default is not MISSING:
            assert getattr(settings, field.name) == field.default, field.name
    sources = {each.name: each.source for each in settings_with_sources(trial.path, {})}
    assert {name for name, source in sources.items() if source != "default"} == {"store", "node"}


@pytest.mark.parametrize(("alias", "text", "setting", "value"), KNOWN_NAMES, ids=[each[0] for each in KNOWN_NAMES])
def test_names_of_earlier_deployments_are_honoured(
    trial: Trial, alias: str, text: str, setting: str, value: object
) -> None:
    """An environment written for earlier deployments works unchanged, and the name with the prefix wins over it."""
    assert getattr(trial.load(one(), {alias: text}).settings, setting) == value
    default = getattr(trial.api("").settings, setting)
    strong = {bool: str(default).lower(), int: "4", float: "44", type(Path()): "/other"}.get(
        type(default), "https://other.org/h"
    )
    both = trial.load(one(), {alias: text, variables_of(setting)[0]: strong}).settings
    assert str(getattr(both, setting)).lower().removesuffix(".0") == strong


def test_every_alias_is_tried_here() -> None:
    """No alias without a test."""
    assert {each[0]: each[2] for each in KNOWN_NAMES} == dict(ALIASES)


def test_environment_over_service_file_over_user_file_over_default(trial: Trial) -> None:
    """The nearest place wins, and each value tells where it comes from."""
    user = trial.folder / "config" / "paramedic" / "settings.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("verify_times: 3\nverify_within: 90\nlog_keep: 0\n")
    environ = {
        "XDG_CONFIG_HOME": str(trial.folder / "config"),
        "PARAMEDIC_VERIFY_TIMES": "5",
        "PARAMEDIC_CHECKS_AT_ONCE": "",
        "RECOVERY_COOLDOWN": "0",
    }
    text = (
        one() + "settings: {verify_times: 4, verify_within: 2m}\nheartbeat: https://hc.example.org/ping\nnode: left\n"
    )
    settings = trial.load(text, environ).settings
    assert (settings.verify_times, settings.verify_within_s, settings.log_keep) == (5, 120, 0)
    assert (settings.heartbeat_url, settings.node) == ("https://hc.example.org/ping", "left")
    assert (settings.checks_at_once, settings.recovery_cooldown_s) == (64, 0)
    sources = {each.name: each.source for each in settings_with_sources(trial.path, environ)}
    assert sources["verify_times"] == "PARAMEDIC_VERIFY_TIMES"
    assert sources["verify_within_s"] == f"{trial.path}:6"
    assert sources["log_keep"] == f"{user}:3"
    assert sources["recovery_cooldown_s"] == "RECOVERY_COOLDOWN"
    assert sources["confirm_looks"] == "default"
    assert sources["heartbeat_url"] == f"{trial.path}:7"


@pytest.mark.parametrize(
    ("written", "store"),
    [
        ("sqlite:///data/x.db", "sqlite:///{folder}/data/x.db"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("postgres://u:pass-word@h/d", "postgresql+psycopg://u:pass-word@h/d"),
        ("postgresql://h/d", "postgresql+psycopg://h/d"),
    ],
)
def test_the_store_is_named_the_same_from_everywhere(trial: Trial, written: str, store: str) -> None:
    """A relative file counts from the service file, and any spelling of PostgreSQL gets the driver we have."""
    service = trial.load(f"{one()}store: {written}\n")
    assert service.settings.store == store.format(folder=trial.folder)
    assert ("pass-word" in service.secrets) == ("pass-word" in written)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://h/d", "x", "postgres://"])
def test_a_store_that_keeps_nothing_is_refused(trial: Trial, url: str) -> None:
    """What is remembered must outlive the process."""
    (problem,) = trial.problems(f"{one()}store: '{url}'\n")
    assert "`sqlite:///FILE` or" in str(problem)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MAX_RECOVERY_ATTEMPTS", "many", "`MAX_RECOVERY_ATTEMPTS` is `many`, expected a whole number"),
        ("PARAMEDIC_VERIFY_TIMES", "0", "`PARAMEDIC_VERIFY_TIMES` is `0`, expected at least 1"),
        ("RECOVERY_COOLDOWN", "-5", "`RECOVERY_COOLDOWN` is `-5`"),
        ("PARAMEDIC_RECOVERY_COOLDOWN_S", "nan", "`PARAMEDIC_RECOVERY_COOLDOWN_S` is `nan`"),
        ("AUTO_RECOVERY_ENABLED", "perhaps", "`AUTO_RECOVERY_ENABLED` is `perhaps`, expected `true` or `false`"),
        ("ERROR_REPORT_WEBHOOK", "somewhere", "`ERROR_REPORT_WEBHOOK` is `somewhere`, expected an address"),
        ("PARAMEDIC_LOG_MAX", "1 parsec", "`PARAMEDIC_LOG_MAX` is `1 parsec`, expected a size"),
    ],
)
def test_a_wrong_variable_is_named(trial: Trial, variable: str, value: str, said: str) -> None:
    """A person must know which variable to correct; no file is blamed."""
    (problem,) = trial.problems(one(), {variable: value})
    assert said in str(problem)
    assert problem.path is None


def test_a_wrong_user_file_is_named_with_its_line(trial: Trial) -> None:
    """The same care as for the service file."""
    user = trial.folder / ".config" / "paramedic" / "settings.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("debug: true\nverify_tmes: 3\nlog_keep: [1]\n")
    problems = trial.problems(one(), {"HOME": str(trial.folder)})
    assert [(each.path, each.line) for each in problems] == [(user, 2), (user, 3)]


def test_settings_can_be_told_without_a_service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``paramedic info`` works anywhere, and where the rest of the file is wrong."""
    monkeypatch.chdir(tmp_path)
    found = {each.name: each.value for each in settings_with_sources(None, {"DEBUG_MODE": "1"})}
    assert found["debug"] is True
    assert found["state_dir"] == tmp_path / ".paramedic"
    assert set(found) == {each.name for each in fields(Settings)}
    path = tmp_path / "paramedic.yaml"
    path.write_text("service: [wrong]\ncomponents: {a: '${UNSET}'}\nsettings: {log_keep: 9}\n")
    assert {each.name: each.value for each in settings_with_sources(path, {})}["log_keep"] == 9
    with pytest.raises(ConfigurationError, match="does not exist"):
        settings_with_sources(tmp_path / "gone.yaml", {})
