"""Writes a service file, has its own checks look through it, and corrects it until they find it right."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from paramedic.discovery.guess import Candidate, Found, Guess, Guesses, LeftOut
from paramedic.discovery.guessing import Surroundings, guess, guess_remote
from paramedic.discovery.scene import Scene
from paramedic.discovery.table import Table
from paramedic.discovery.writing import written
from paramedic.model.errors import ConfigurationError
from paramedic.model.finding import Finding
from paramedic.model.service import Service
from paramedic.model.status import Status
from paramedic.report.words import one_line
from paramedic.sdk.pack import Registry
from paramedic.service import load

_ANYTHING = Candidate(keys={"kind": "host"})
Look = Callable[[Service, tuple[str, ...]], Awaitable[tuple[Finding, ...]]]
"""Runs the checks of some components of a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A service file that its own checks have looked through."""

    text: str
    service: Service
    found: tuple[Found, ...]
    left_out: tuple[LeftOut, ...]


async def draft(
    scene: Scene, path: Path, *, table: Table, registry: Registry, environ: Mapping[str, str], look: Look
) -> Draft:
    """The service file for what was seen, to be written to ``path``.

    Raises:
        ConfigurationError: the environment holds a setting that cannot be understood.
    """
    guesses = await guess(scene, Surroundings(table=table, registry=registry, environ=environ))
    await guess_remote(scene, table, guesses)
    _break_circles(guesses)
    name = scene.projects[0].name or scene.folder.name or "service"
    drafting = _Drafting(name if name.isprintable() and name.strip() else "service", path, registry, environ, guesses)
    drafting.refuse_what_cannot_be_read()
    return await drafting.until_right(look)


class _Drafting:
    """One file on its way."""

    def __init__(self, name: str, path: Path, registry: Registry, environ: Mapping[str, str], guesses: Guesses) -> None:
        self._name = name
        self._path = path
        self._registry = registry
        self._environ = environ
        self._guesses = guesses
        self._said: dict[str, tuple[Finding, ...]] = {}

    def refuse_what_cannot_be_read(self) -> None:
        """Drop the ways of writing that the loader does not understand: a kind may take other keys than supposed."""
        self._load(())  # what is wrong around the file is nobody's candidate's fault
        for each in list(self._guesses.components.values()):
            if each.name not in self._guesses.components:
                continue  # left out with another one
            each.candidates = [one for one in each.candidates if self._is_understood(each, one)]
            if not each.candidates:
                self._leave_out(each, "it cannot be written as a component")

    async def until_right(self, look: Look) -> Draft:
        """Look, correct what was supposed wrongly, and look again at that."""
        fresh = tuple(self._guesses.components)
        while True:
            text, service = self._load(self._guesses.components.values())
            for name in fresh:
                self._said[name] = ()
            for finding in await look(service, fresh) if fresh else ():
                self._said[finding.component] = (*self._said[finding.component], finding)
            known = self._guesses.components  # of which some go with others
            fresh = tuple(name for name in fresh if name in known and self._corrected(known[name], service))
            gone = self._said.keys() - self._guesses.components.keys()
            for name in gone:
                del self._said[name]
            fresh = tuple(name for name in fresh if name not in gone)
            if not fresh:
                text, service = self._load(self._guesses.components.values())
                found = tuple(self._found(name, service) for name in self._guesses.components)
                return Draft(text=text, service=service, found=found, left_out=tuple(self._guesses.left_out))

    def _corrected(self, each: Guess, service: Service) -> bool:
        """Whether its checks were not content, so that the next way was taken or none is left."""
        candidate = each.candidates[0]
        against = self._against(each, candidate, service)
        if against is None:
            return False
        del each.candidates[0]
        kind = candidate.keys["kind"]
        if each.candidates:
            if each.candidates[0].keys["kind"] != kind:
                each.refused.append(f"not as `{kind}`: {against}")
        else:
            self._leave_out(each, f"as `{kind}`: {against}")
        return True

    def _against(self, each: Guess, candidate: Candidate, service: Service) -> str | None:
        """What speaks against a way of writing; ``None`` when nothing does.

        Bad news about the process is news; bad news from the address means that the address was guessed wrongly.
        """
        if candidate.is_sure:
            return None
        component = service.components[each.name]
        ours = {spec.id for spec in self._registry.checks if spec.target(component) is component.target}
        for finding in self._said[each.name]:
            if finding.check in ours and finding.status in (Status.CRITICAL, Status.UNKNOWN):
                return one_line(finding.observed)
        return None

    def _leave_out(self, each: Guess, why: str) -> None:
        del self._guesses.components[each.name]
        for other in self._guesses.components.values():
            other.needs = tuple(name for name in other.needs if name != each.name)
        self._guesses.left_out.append(LeftOut(name=each.name, why=f"{each.what}; {why}"))
        for other in [other for other in self._guesses.components.values() if other.about == each.name]:
            self._leave_out(other, f"`{each.name}` is left out")

    def _is_understood(self, each: Guess, candidate: Candidate) -> bool:
        alone = [Guess(name=each.name, what="", candidates=[candidate], common=each.common)]
        if each.about:
            alone.append(Guess(name=each.about, what="", candidates=[_ANYTHING]))
        try:
            self._load(alone, alone=True)
        except ConfigurationError:
            return False
        return True

    def _load(self, guesses: Iterable[Guess], *, alone: bool = False) -> tuple[str, Service]:
        guesses = list(guesses) or [Guess(name="host", what="", candidates=[_ANYTHING])]
        text = written(self._name, guesses, () if alone else self._guesses.left_out)
        return text, load(self._path, self._registry, self._environ, text=text)

    def _found(self, name: str, service: Service) -> Found:
        said = sorted(self._said.get(name, ()), key=lambda each: -each.status.rank)
        component = service.components[name]
        return Found(
            name=name,
            kind=component.kind,
            what=self._guesses.components[name].what,
            status=said[0].status if said else Status.UNKNOWN,
            observed=said[0].observed if said else "nothing looks at it",
            depends_on=component.depends_on,
        )


def _break_circles(guesses: Guesses) -> None:
    """Two programs may talk in both directions; the need that closes a circle is left out."""
    components = guesses.components
    for each in components.values():
        each.needs = tuple(name for name in dict.fromkeys(each.needs) if name in components and name != each.name)
    while True:
        try:
            TopologicalSorter({name: each.needs for name, each in components.items()}).prepare()
        except CycleError as error:
            needed, needing = error.args[1][0], error.args[1][1]
            components[needing].needs = tuple(name for name in components[needing].needs if name != needed)
            guesses.left_out.append(
                LeftOut(name=f"{needing} -> {needed}", why="they are connected in a circle; this direction is left out")
            )
        else:
            return
