"""What can be ordered in an emergency, found out from outside, because nobody may answer: without a lock or a word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paramedic.model.clock import SystemClock
from paramedic.model.errors import UsageError
from paramedic.model.finding import Finding
from paramedic.model.playbook import Plan
from paramedic.model.service import Service
from paramedic.recovery.last_good import LastGoodFiles
from paramedic.recovery.planning import Bench, blocked
from paramedic.sdk.pack import Registry
from paramedic.store import Store
from paramedic.watch.emergency import concerned, foreseen, why_nothing
from paramedic.watch.recorded import RecordedProcesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Something that can be ordered, or why not."""

    verb: str
    would: tuple[str, ...] = ()
    """What it would do, a line for each step."""
    why_not: str = ""
    exit_code: int = 0
    """With which the order would end, as far as this can be told."""


async def way(
    service: Service,
    registry: Registry,
    store: Store | None,
    verb: str,
    *,
    names: Sequence[str] = (),
    release: str | None = None,
) -> Way:
    """What an order would do now, to everything that it is about or to these components.

    Raises:
        UsageError: one of the names is nothing that it is about, or nobody has the release.
    """
    clock = SystemClock()
    bench = Bench(
        service=service,
        registry=registry,
        clock=clock,
        processes=RecordedProcesses(service, store, clock),
        look=_nothing,
        last_good=LastGoodFiles(service.settings.state_dir / "last-good", clock),
    )
    if not concerned(bench, verb):
        return Way(verb=verb, why_not=why_nothing(verb), exit_code=UsageError.exit_code)
    plans = await foreseen(bench, verb, names, release)
    if would := tuple(line for each in plans if not blocked(each) for line in _steps(each)):
        return Way(verb=verb, would=would)
    reasons = [f"`{each.suspect}`: {blocked(each)}" for each in plans]
    if not reasons:
        return Way(verb=verb, why_not="everything is stopped already")  # so that nothing is left to be done
    return Way(verb=verb, why_not="; ".join(reasons), exit_code=1)


async def _nothing(component: str, checks: Sequence[str] = ()) -> tuple[Finding, ...]:
    """No preview of these orders looks at checks."""
    del component, checks
    return ()


def _steps(plan: Plan) -> Iterator[str]:
    for each in plan.steps:
        lost = "".join(f" (lost for good: {loss})" for loss in each.preview.loss)
        yield f"{each.component}: {each.preview.summary}{lost}"
