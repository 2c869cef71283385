"""What looks at the patient and judges, changing nothing."""

import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paramedic.model.code import Code
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.service import Permit
from paramedic.sdk.context import Context

type_of_run = Callable[[Any, Context], Awaitable[Finding | Sequence[Finding]]]  # Any: each check names its own target


class Depth(StrEnum):
    """Which runs include a check."""

    QUICK = "quick"
    NORMAL = "normal"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """A check as its pack declares it."""

    id: str
    """``kind.name-of-the-function``."""
    codes: tuple[Code, ...]
    of: type
    """The class of target it looks at: a kind's own, or ``ProcessSpec`` for every component with a process, or
    ``BackupPolicy`` for every one that is backed up, or ``Owner`` for every one that somebody else starts."""
    run: type_of_run
    manual: str
    """Its docstring is its manual page."""
    timeout_s: float
    every_s: float
    depth: Depth
    spends: str | None
    """What a look costs (tokens, money); such a check runs only where the service file permits it."""
    when: Callable[[Any], bool]
    """Whether it concerns a target of its class at all."""
    asks: Callable[[Any], Collection[Permit]]
    """What the service file must permit for a look at this target."""
    imports: tuple[str, ...]
    """Modules that take long to import; they are, before the time of a look begins."""
    probes: bool = False
    """Whether it goes the whole way of a user, so that it is looked at after a recovery of what it needs."""
    judges_others: bool = False
    """Whether it judges what other checks found, so that a run looks at it last."""

    def target(self, component: Component) -> object | None:
        """The part of the component that this check looks at; ``None`` when it is not concerned."""
        for candidate in (component.target, component.process, component.backup, component.owner):
            if isinstance(candidate, self.of):
                return candidate if self.when(candidate) else None
        return None

    def permits(self, component: Component) -> frozenset[Permit]:
        """What the service file must permit before it looks at the component."""
        target = self.target(component)
        asked = frozenset(self.asks(target)) if target is not None else frozenset[Permit]()
        return asked | {Permit.SPENDS} if self.spends else asked


def check(
    *codes: Code,
    of: type,
    timeout_s: float = 5.0,
    every_s: float = 10.0,
    depth: Depth = Depth.QUICK,
    spends: str | None = None,
    when: Callable[[Any], bool] = lambda _target: True,
    asks: Callable[[Any], Collection[Permit]] = lambda _target: (),
    imports: tuple[str, ...] = (),
    probes: bool = False,
    judges_others: bool = False,
    id: str | None = None,
) -> Callable[[type_of_run], CheckSpec]:
    """Declare an async function ``(target, context) -> Finding | list[Finding]`` as a check.

    Args:
        codes: every trouble it can name.
        of: the class of target it looks at.
        timeout_s: how long one look may take before it counts as unknown.
        every_s: how often ``watch`` looks where the component does not say.
        depth: the least thorough run that includes it.
        spends: what a look costs, where it costs anything.
        when: whether it concerns a target of that class at all.
        asks: what the service file must permit for a look at a target that writes or costs.
        imports: modules that the check imports when it runs and that take long, by their full names.
        probes: whether it goes the whole way of a user, so that it is looked at after a recovery of what it needs.
        judges_others: whether it judges what other checks found (``context.found``), so that a run looks at it last.
        id: its name; by default the pack's folder and the function's name.
    """

    def declare(run: type_of_run) -> CheckSpec:
        pack = run.__module__.split(".")[-2:][0]  # of a module that stands alone, its own name
        return CheckSpec(
            id=id or f"{pack}.{run.__name__.replace('_', '-')}",
            codes=codes,
            of=of,
            run=run,
            manual=inspect.getdoc(run) or "",
            timeout_s=timeout_s,
            every_s=every_s,
            depth=depth,
            spends=spends,
            when=when,
            asks=asks,
            imports=imports,
            probes=probes,
            judges_others=judges_others,
        )

    return declare
