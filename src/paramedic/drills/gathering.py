"""All drills there are: the shipped ones, then those of packs. What a pack got wrong is told; the rest can be run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from paramedic.drills.catalogue import Drill, Ends, catalogue, read_drills
from paramedic.drills.fault import Fault
from paramedic.drills.faults import FAULTS
from paramedic.sdk.pack import Pack, Registry, load_packs


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Every drill with its fault."""

    drills: Mapping[str, Drill]
    faults: Mapping[str, Fault]
    broken: Mapping[str, str]
    """Pack to the reason why its drills are left out."""


@lru_cache(maxsize=1)
def all_drills() -> Gathered:
    """The drills of everything that is installed."""
    return gathered(load_packs())


def gathered(registry: Registry) -> Gathered:
    """The drills of a registry's packs beside the shipped ones; of a pack all count, or none."""
    drills, faults = dict(catalogue()), dict(FAULTS)
    broken = {name: f"could not be loaded: {why}" for name, why in registry.broken.items()}
    for pack in registry.packs:
        try:
            new = _of_pack(pack, registry, drills)
        except Exception as error:  # a boundary: a stranger's files may be anything
            broken[pack.name] = f"its drills are left out: {' '.join(str(error).split())[:500] or type(error).__name__}"
        else:
            drills |= {drill.id: drill for drill, _ in new}
            faults |= {drill.id: fault for drill, fault in new}
    return Gathered(drills=drills, faults=faults, broken=broken)


def _of_pack(pack: Pack, registry: Registry, known: Mapping[str, Drill]) -> list[tuple[Drill, Fault]]:
    if pack.drills is None:
        if pack.faults:
            raise ValueError("it has `faults` but no `drills` that say what must come of them")
        return []
    new = read_drills(pack.drills.read_text(encoding="utf-8"))
    for drill in new:
        if drill.id in known:
            raise ValueError(f"there is a drill `{drill.id}` already")
        if drill.ends is not Ends.CONTROL and drill.code not in registry.codes:
            raise ValueError(f"the drill `{drill.id}` names the unknown code `{drill.code}`")
    return [(drill, _fault(pack, drill.id)) for drill in new]


def _fault(pack: Pack, id: str) -> Fault:
    declared = pack.faults.get(id)
    if isinstance(declared, Fault):
        return declared
    if callable(declared):
        return Fault(id=id, inject=declared)
    raise ValueError(f"the drill `{id}` has no fault")
