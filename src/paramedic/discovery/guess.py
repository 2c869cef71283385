"""What is supposed of a part of the service, before and after it was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paramedic.discovery.naming import unlike
from paramedic.model.status import Status


class Reference(str):
    """A text in which ``${NAME}`` is meant to be filled in."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to write a component."""

    keys: Mapping[str, object]
    note: str = ""
    """Why it is written so, for the comment."""
    is_sure: bool = False
    """What its checks say is right even where it is bad news."""


@dataclass(slots=True, kw_only=True)
class Guess:
    """A component to be, with the ways to write it, the most telling first."""

    name: str
    what: str
    """What was seen, for the comment: ``pid 812, listens on 127.0.0.1:5432``."""
    candidates: list[Candidate]
    common: dict[str, object] = field(default_factory=dict)
    """Keys that stand in each of them."""
    ports: frozenset[int] = frozenset()
    needs: tuple[str, ...] = ()
    """Names of other components."""
    about: str = ""
    """The component without which it makes no sense, if there is one: it names that."""
    advice: list[str] = field(default_factory=list)
    """Lines that a person may take over."""
    refused: list[str] = field(default_factory=list)
    """What was said against the candidates that came before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A component that was written."""

    name: str
    kind: str
    what: str
    status: Status
    observed: str
    """What its checks say, the worst first."""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that was seen and not written, and why."""

    name: str
    why: str


@dataclass(slots=True)
class Guesses:
    """All of them, by name, and what is left out already."""

    components: dict[str, Guess] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, guess: Guess) -> Guess:
        """Take one in under a name that nobody has."""
        guess.name = unlike(guess.name, self.components, guess.ports)
        self.components[guess.name] = guess
        return guess

    def at(self, port: int) -> Guess | None:
        """The component that listens on a port."""
        return next((each for each in self.components.values() if port in each.ports), None)
