"""Writes a fresh patient into a folder."""

import json
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from paramedic.demo.patient import database
from paramedic.demo.patient.ports import Ports

_FILES = {
    "paramedic.yaml": "paramedic.yaml",
    "env": ".env",
    "config/shop.yaml": "config/shop.yaml",
    "config/client.json": "config/client.json",
    "config/tools.manifest.json": "config/tools.manifest.json",
    "config/client.default.json": "config/client.default.json",
    "config/overlay_feature_flags.yaml": "config/overlay_feature_flags.yaml",
    "config/energy_governance.yaml": "config/energy_governance.yaml",
    "overlays/base_prompt.txt": "configs/fusion/base_prompt.txt",
    "overlays/concise.txt": "configs/fusion/micro_overlays/concise.txt",
    "overlays/deep_thinking.txt": "configs/fusion/micro_overlays/deep_thinking.txt",
}


def lay_out(folder: Path, *, ports: Ports | None = None) -> Path:
    """Write settings, data and a service file into a new or empty folder; nothing is started.

    Returns:
        The service file.
    """
    ports = ports or Ports.free()
    places = {
        "python": json.dumps(sys.executable),  # quoted: a path may hold anything
        "api": str(ports.api),
        "model": str(ports.model),
        "queue": str(ports.queue),
        "tools": str(ports.tools),
    }
    source = files("paramedic.demo.patient") / "template"
    for name, target in _FILES.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template((source / name).read_text()).substitute(places))
    (folder / ".env").chmod(0o600)
    data = folder / "data"
    database.create(data / "shop.db")
    (data / "worker.json").write_text(json.dumps({"last_reminder": 0}))
    (data / "weights.json").write_text(json.dumps({"sentence": "You said: {asked} We will look into it at once."}))
    return folder / "paramedic.yaml"
