"""Every fault a drill can inject: one module for each sort of thing that breaks."""

from importlib import import_module
from pkgutil import iter_modules

from paramedic.drills.fault import Fault

FAULTS: dict[str, Fault] = {
    each.id: each
    for module in iter_modules(__path__)
    for each in vars(import_module(f"{__name__}.{module.name}")).values()
    if isinstance(each, Fault)
}
