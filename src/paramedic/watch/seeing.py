"""What the checks of components say by now, and which of them have yet to look."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from paramedic.checking.selection import why_not
from paramedic.diagnosis import Sight, sight
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.service import Service
from paramedic.sdk.pack import Registry

Key = tuple[str, str]
"""A component and a check."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class Seen(Protocol):
    """Whatever holds what a check said last."""

    @property
    def finding(self) -> Finding:
        """What it said."""
        ...


class Seeing:
    """Knows which checks concern which component; asked at every diagnosis, so it remembers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._due: dict[str, tuple[Component, tuple[Key, ...]]] = {}

    def of(
        self,
        service: Service,
        names: Iterable[str],
        verdicts: Mapping[Key, Seen],
        stopped: Collection[str],
        quiet: Mapping[str, str],
    ) -> Sight:
        """What is known of these components. What fails of those ``stopped`` or ``quiet`` counts as ordered."""
        names = tuple(names)
        due = [key for name in names for key in self.due(service, name)]
        ordered = {**dict.fromkeys(stopped, "stopped on purpose"), **quiet}
        found = sight([verdicts[key].finding for key in due if key in verdicts], due)
        return replace(found, ordered={name: ordered[name] for name in names if name in ordered})

    def last_look(self, service: Service, name: str, verdicts: Mapping[Key, Seen]) -> datetime | None:
        """When the check of a component began to look that has not looked for longest; ``None`` where none looks.

        One that has not looked yet did so at the beginning of time.
        """
        looks = [verdicts[key].finding.began if key in verdicts else None for key in self.due(service, name)]
        return min((each or _NEVER for each in looks), default=None)

    def is_looked_at(self, service: Service, finding: Finding) -> bool:
        """Whether what was found will be looked at again, here or on the component's own node."""
        component, settings = service.components.get(finding.component), service.settings
        if component is None or (component.kind == "host" and not settings.resource_monitoring):
            return False
        if component.node not in (None, settings.node) or (finding.component, finding.check) in self.due(
            service, finding.component
        ):
            return True
        # What no check finds is told by people or by the watch itself, as long as its code is known to any pack.
        is_check = any(each.id == finding.check for each in self._registry.checks)
        return not is_check and (finding.code is None or finding.code in self._registry.codes)

    def due(self, service: Service, name: str) -> tuple[Key, ...]:
        """The checks that look at a component here."""
        component = service.components.get(name)
        if component is None:
            return ()
        known = self._due.get(name)
        if known is None or known[0] is not component:
            specs = [each for each in self._registry.checks if each.target(component) is not None]
            due = tuple((name, each.id) for each in specs if why_not(service, component, each) is None)
            known = self._due[name] = (component, due)
        return known[1]
