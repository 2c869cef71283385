"""``paramedic info``: every setting with its source, and never a secret."""

import json
import os


def test_every_source(home, paramedic) -> None:
    """Default, file, alias and own variable of the environment, each told."""
    (home / "paramedic.yaml").write_text(
        "service: shop\ncomponents: {h: {kind: host}}\nsettings: {retention_days: 3, confirm_looks: 1}\n"
        "store: postgresql://shop:hunter22@127.0.0.1:1/x\n"
    )
    done = paramedic(
        "info", "--format", "json", RECOVERY_COOLDOWN="5", PARAMEDIC_CONFIRM_LOOKS="4", API_TOKEN="abcdef123456"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    settings = told["settings"]
    assert settings["recovery_cooldown_s"] == {"value": 5.0, "source": "RECOVERY_COOLDOWN", "has_effect": True}
    assert settings["confirm_looks"] == {
        "value": 4, "source": "PARAMEDIC_CONFIRM_LOOKS", "has_effect": True,
    }  # fmt: skip
    assert settings["retention_days"]["source"].endswith("paramedic.yaml:3")
    assert settings["flapping_changes"]["source"] == "default"
    assert told["paths"]["service_file"] == str(home / "paramedic.yaml")
    assert {"http", "host"} <= set(told["packs"])
    assert "hunter22" not in done.stdout + done.stderr
    assert "cannot be read" in told["store"]["state"]


def test_without_and_with_a_broken_service_file(home, paramedic) -> None:
    """It tells what is wrong and goes on; nothing is written."""
    done = paramedic("info")
    assert done.returncode == 0
    assert "not there yet" in done.stdout
    assert "no `paramedic.yaml`" in done.stdout
    (home / "paramedic.yaml").write_text(
        "service: shop\ncomponents: {h: {kind: hots}}\nsettings: {retention_days: x}\n"
    )
    broken = paramedic("info")
    assert broken.returncode == 0, broken.stderr
    assert "unknown kind `hots`" in broken.stdout
    assert os.listdir(home) == ["paramedic.yaml"]
