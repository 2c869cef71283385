"""``paramedic llm``: language models probed."""

import asyncio
import sys
from dataclasses import replace

import click

from paramedic.checking import Runner, run_loop
from paramedic.checking.selection import why_not
from paramedic.cli.listing import show_json
from paramedic.cli.of_kind import OfKind
from paramedic.cli.output import emit, wants_colour, width
from paramedic.cli.progress import Waiting, shown
from paramedic.cli.surroundings import load_service
from paramedic.model.clock import SystemClock
from paramedic.model.component import Component
from paramedic.model.errors import UsageError
from paramedic.model.report import Report
from paramedic.model.service import Service
from paramedic.report import FORMATS, render
from paramedic.sdk.check import Depth
from paramedic.sdk.pack import Registry

_KIND = OfKind(kind="llm", title="language model")
_GENERATES = "llm.generates"
_CHECKS = ("llm.answers", _GENERATES)


@click.group()
def llm() -> None:
    """Language models: probe what they say, how fast, and for how many tokens."""


@llm.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--sample", is_flag=True, help="Look at an answer of 16 tokens, not only at the first one.")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.pass_context
def probe(context: click.Context, names: tuple[str, ...], sample: bool, style: str) -> None:
    """Ask every model, or those named, for a token: does it generate, how fast, at what cost?

    What the server tells by itself (slots, counters) is read first; a busy server is not asked. Tokens are counted in
    the same hourly budget as everything else; hosted models need `permits: [spends]`.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    service, registry = load_service(context)
    chosen = _KIND.several(service, names)
    if sample:
        service = _with_samples(service, chosen)
    report = _report(service, registry, chosen)
    if style == "json":
        found = [each for each in report.findings if each.check == _GENERATES]
        spent = sum(each.measures.get("tokens_spent", 0.0) for each in found)
        show_json({"schema_version": 1, "tokens_spent": spent, "findings": report.findings})
    else:
        emit(render(report, style, verbose=True, quiet=False, colour=wants_colour(sys.stdout), width=width()))
        for each in report.findings if style == "text" else ():
            numbers = ", ".join(f"{name} {value:g}" for name, value in each.measures.items())
            if each.check == _GENERATES and numbers:
                emit(f"  {each.component}: {numbers}\n")
    context.exit(report.exit_code)


def _report(service: Service, registry: Registry, chosen: tuple[str, ...]) -> Report:
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()
    pairs = [(service.components[name], spec) for name in chosen for spec in registry.checks if spec.id in _CHECKS]
    if refused := [why for component, spec in pairs if (why := why_not(service, component, spec))]:
        raise UsageError(refused[0])
    runner = Runner(service, registry, clock, RecordedProcesses(service, None, clock))
    waiting = Waiting(len(pairs), clock)
    stop = asyncio.Event()

    async def look() -> Report:
        async with shown(waiting, width()):
            return await runner.run(chosen, _CHECKS, Depth.FULL, waiting, stop)

    return run_loop(look(), on_interrupt=stop.set)


def _with_samples(service: Service, chosen: tuple[str, ...]) -> Service:
    """The same service, whose models are looked at more closely."""
    components: dict[str, Component] = dict(service.components)
    for name in chosen:
        component = components[name]
        components[name] = replace(component, thresholds={**component.thresholds, "sample_every_s": 0})
    return replace(service, components=components)
