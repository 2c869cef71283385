"""A made-up kind of component, for tests of what runs checks."""

from dataclasses import dataclass

from paramedic.model.component import Component, Desired
from paramedic.sdk import ActionFailed, ProcessFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """The address of a made-up component."""

    name: str = ""


class Facts:
    """Process facts without processes: the runner only asks what is wanted."""

    def __init__(self) -> None:
        self.desired: dict[str, Desired] = {}

    def facts(self, component: Component) -> ProcessFacts:
        return ProcessFacts(desired=self.desired.get(component.name))

    async def start(self, component: Component, token: str) -> int:
        raise ActionFailed("nothing is started here")

    async def stop(self, component: Component) -> None:
        raise ActionFailed("nothing is stopped here")
