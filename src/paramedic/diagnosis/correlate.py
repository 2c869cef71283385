"""Which troubles are one story."""

from collections.abc import Iterable

from paramedic.model.service import Service


def belongs_together(service: Service, component: str, others: Iterable[str]) -> bool:
    """Whether trouble of ``component`` and of ``others`` may have one cause.

    So it is for one component, for two of which one needs the other, and for a whole host and what runs on it.
    What the service does not declare has no part in the story of what it does.
    """
    if component not in service.components:  # such as ourselves
        return component in others
    related = {component, *service.needs(component), *service.needed_by(component)}
    declared = [other for other in others if other in service.components]
    return any(other in related or is_host(service, other) or is_host(service, component) for other in declared)


def is_host(service: Service, component: str) -> bool:
    """Whether everything else runs on this component."""
    known = service.components.get(component)
    return known is not None and known.kind == "host"


def explained_by_a_stop(service: Service, component: str, stopped: Iterable[str]) -> str | None:
    """The component that an operator stopped and that this one cannot work without."""
    needed = service.needs(component)
    return next((name for name in stopped if name in needed), None)
