"""Data files that are cut off, or damaged together with their copies."""

import hashlib
import json
import shutil
from pathlib import Path

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient

_PERSONAS = {"ada": "dry and exact", "bo": "warm, with many questions"}


async def _give_it_personas(patient: Patient) -> None:
    """Two personas, as a bot keeps them."""
    folder = patient.folder / "personas"
    folder.mkdir()
    for name, tone in _PERSONAS.items():
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "tone": tone}, indent=2))
    patient.edit(
        lambda document: document["components"].update(
            personas={"kind": "data", "paths": ["personas/*.json"], "required": ["name"], "interval": "500ms"}
        )
    )


async def _has_its_personas(patient: Patient) -> None:
    """Both personas can be read, and the broken file was set aside."""
    for name, tone in _PERSONAS.items():
        if json.loads((patient.folder / "personas" / f"{name}.json").read_text())["tone"] != tone:
            raise DrillFailed(f"the persona `{name}` is not what it was")
    asides = (patient.folder / ".paramedic").rglob("aside/*/ada.json")
    if not any(each.read_text().endswith('"dry') for each in asides):
        raise DrillFailed("the broken file was not set aside")


@fault("data-file-invalid", prepare=_give_it_personas, afterwards=_has_its_personas)
async def cut_a_persona_off(patient: Patient) -> None:
    """Cut a persona off in the middle of a sentence."""
    path = patient.folder / "personas" / "ada.json"
    text = path.read_text()
    patient.mark()
    path.write_text(text[: text.index(" and exact")])


async def _give_it_prices(patient: Patient) -> None:
    """A list of prices that never changes, and the digest that says so."""
    prices = _prices(patient)
    prices.write_text("".join(f'{{"article": {n}, "price": {n * 7 % 90}}}\n' for n in range(2000)))
    digest = hashlib.sha256(prices.read_bytes()).hexdigest()
    prices.with_name("prices.sha256").write_text(f"{digest}  {prices.name}\n")
    patient.edit(
        lambda document: document["components"].update(
            prices={
                "kind": "data",
                "paths": ["data/prices.jsonl"],
                "manifest": "data/prices.sha256",
                "interval": "500ms",
            }
        )
    )


def _prices(patient: Patient) -> Path:
    return patient.folder / "data" / "prices.jsonl"


async def _is_untouched(patient: Patient) -> None:
    """The damaged file is evidence: nothing was overwritten."""
    if b'"price": X' not in _prices(patient).read_bytes():
        raise DrillFailed("the damaged file was changed")


@fault("data-corruption-found", prepare=_give_it_prices, afterwards=_is_untouched)
async def damage_a_list_and_its_copies(patient: Patient) -> None:
    """Change one byte of a list of prices, on a disk that has lost the copies, too."""
    for folder in (patient.folder / ".paramedic" / "last-good").iterdir():
        if any('prices.jsonl"' in each.read_text() for each in folder.glob("*.json")):
            shutil.rmtree(folder)
    path = _prices(patient)
    content = path.read_bytes()
    patient.mark()
    path.write_bytes(content.replace(b'"price": 7', b'"price": X', 1))
