"""Which checks a run includes, and why it leaves others out."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from paramedic.model.component import Component
from paramedic.model.errors import UsageError
from paramedic.model.service import Service
from paramedic.sdk.check import CheckSpec, Depth
from paramedic.sdk.pack import Registry

Pair = tuple[Component, CheckSpec]
_DEPTHS = list(Depth)


def select(
    service: Service, registry: Registry, components: Sequence[str], codes: Sequence[str], depth: Depth
) -> tuple[Pair, ...]:
    """Every check asked for, of every component asked for; no name means all.

    A check that is named by a code or its id is included whatever its depth.

    Raises:
        UsageError: a name that does not exist, with the one that was probably meant.
    """
    known = {name for spec in registry.checks for name in names(spec)}
    refuse_unknown("component", components, service.components)
    refuse_unknown("code or check", codes, known)
    return tuple(
        (component, spec)
        for component in service.components.values()
        if not components or component.name in components
        for spec in registry.checks
        if spec.target(component) is not None
        and (names(spec) & set(codes) if codes else _DEPTHS.index(spec.depth) <= _DEPTHS.index(depth))
    )


def names(spec: CheckSpec) -> set[str]:
    """What a person may call a check: its id and its codes."""
    return {spec.id, *(code.id for code in spec.codes)}


def why_not(service: Service, component: Component, spec: CheckSpec) -> str | None:
    """Why a check that concerns the component is not run; ``None`` when it is."""
    if component.node is not None and component.node != service.settings.node:
        return f"the component lives on node `{component.node}`"
    if lacking := spec.permits(component) - service.permits:
        what = " and ".join(sorted(lacking))
        cost = f" ({spec.spends})" if spec.spends else ""
        return f"a look {what}{cost}, and the service file does not say `permits: [{', '.join(sorted(lacking))}]`"
    return None


def refuse_unknown(what: str, asked: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that do not exist, all of them at once.

    Raises:
        UsageError: with a guess for each.
    """
    known = sorted(known)
    if wrong := [name for name in asked if name not in known]:
        raise UsageError(
            "\n".join(f"there is no {what} `{name}`" for name in wrong), hint="; ".join(_hints(what, wrong, known))
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The existing name that was probably meant."""
    return next(iter(get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)), None)


def _hints(what: str, wrong: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    guesses = [guess for name in wrong if (guess := nearest(name, known))]
    if guesses:
        yield f"did you mean {', '.join(f'`{guess}`' for guess in guesses)}?"
    elif len(known) <= 12:
        yield f"there are {', '.join(f'`{name}`' for name in known)}" if known else f"there is no {what} at all"
    else:
        yield "`paramedic checks` lists every check and code"
