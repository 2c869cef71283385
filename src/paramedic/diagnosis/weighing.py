"""How much each kind of evidence counts. The numbers stand in ``defaults/diagnosis.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from paramedic.model.wire import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """The numbers of one diagnosis; what each means stands beside it in the file."""

    weights: Mapping[str, float]
    abstain_below: float
    tie: float
    related_s: float
    root_depth: int
    change_window_s: float
    change_suspect_s: float
    at_once: int
    at_once_s: float


@lru_cache(maxsize=1)
def shipped() -> Weighing:
    """The numbers that ship with Paramedic; read once."""
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "diagnosis.yaml").read_text(encoding="utf-8")
    return load(Weighing, YAML(typ="safe", pure=True).load(text))
