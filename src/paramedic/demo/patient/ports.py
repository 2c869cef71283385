"""Where the parts of a patient listen."""

from dataclasses import dataclass
from typing import Self

from paramedic.drills.ports import free_ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port for each part that listens."""

    api: int
    model: int
    queue: int
    tools: int

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody holds now."""
        api, model, queue, tools = free_ports(4)
        return cls(api=api, model=model, queue=queue, tools=tools)
