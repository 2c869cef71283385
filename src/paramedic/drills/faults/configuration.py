"""Files of settings that are missing, broken, or say what cannot be."""

import json
import re

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient


def _rewrite(patient: Patient, name: str, pattern: str, replacement: str) -> None:
    path = patient.folder / name
    patient.mark()
    path.write_text(re.sub(pattern, replacement, path.read_text(), flags=re.MULTILINE))


@fault("config-missing-field")
async def remove_a_field(patient: Patient) -> None:
    """Remove `database_url` from the shop's settings."""
    _rewrite(patient, "config/shop.yaml", r"^database_url:.*\n", "")


@fault("config-invalid-value")
async def set_an_impossible_value(patient: Patient) -> None:
    """Set `vector_dimension` to a number that no vector can have."""
    _rewrite(patient, "config/shop.yaml", r"^vector_dimension:.*$", "vector_dimension: -5")


@fault("config-unparseable")
async def cut_in_the_middle(patient: Patient) -> None:
    """Cut the shop's settings off in the middle of a mapping."""
    path = patient.folder / "config/shop.yaml"
    text = path.read_text()
    patient.mark()
    path.write_text(text[: text.index("mcp_servers")] + "mcp_servers: [http://127.0")


@fault("config-file-missing")
async def delete_the_settings(patient: Patient) -> None:
    """Delete the shop's settings."""
    patient.mark()
    (patient.folder / "config/shop.yaml").unlink()


@fault("env-file-missing")
async def delete_the_environment(patient: Patient) -> None:
    """Delete `.env`."""
    patient.mark()
    (patient.folder / ".env").unlink()


@fault("env-var-missing")
async def unset_a_variable(patient: Patient) -> None:
    """Remove `SHOP_DATA` from `.env`."""
    _rewrite(patient, ".env", r"^SHOP_DATA=.*\n", "")


async def _keeps_the_projects(patient: Patient) -> None:
    """What the user made is still there, and the broken file was set aside."""
    client = patient.folder / "config/client.json"
    projects = json.loads(client.read_text())["projects"]
    if set(projects) != {"living room", "kitchen"}:
        raise DrillFailed(f"of the user's projects only {sorted(projects)} are left")
    copies = (patient.folder / ".paramedic").rglob("client.json")
    if not any('"theme": "dark\n' in copy.read_text() for copy in copies):
        raise DrillFailed("the broken file was not set aside")


@fault("client-config-reset", afterwards=_keeps_the_projects)
async def break_the_client(patient: Patient) -> None:
    """Break the JSON of the user's client settings before anybody saw them whole, then declare them."""
    _rewrite(patient, "config/client.json", r'"theme": "dark",', '"theme": "dark')
    patient.edit(
        lambda document: document["components"].update(
            client={
                "kind": "config",
                "path": "config/client.json",
                "required": ["server"],
                "defaults": "config/client.default.json",
                "sections_kept": ["projects"],
                "interval": "500ms",
            }
        )
    )
