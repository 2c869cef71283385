"""``paramedic embedding``: what embedding models say, recorded and held against that."""

import sys
from collections.abc import Mapping

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.output import complain, emit
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import ParamedicError, UsageError
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.report import FORMATS

_KIND = "embedding"


@click.group()
def embedding() -> None:
    """Embedding models: check them, and record what they say while all is well.

    NAME is the component; it may be left out where the service file declares one embedding model.
    """


@embedding.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Show passes and all evidence.")
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], style: str, verbose: bool) -> None:
    """Look at every embedding model, or those named, and judge. Changes nothing.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    from paramedic.cli.check import check as look

    service, _ = load_service(context)
    wanted = tuple(_known(service, each) for each in names) or _all(service)
    context.invoke(look, components=wanted, depth="full", style=style, verbose=verbose)


@embedding.command()
@click.argument("name", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@format_option
@click.pass_context
def record(context: click.Context, name: str | None, yes: bool, style: str) -> None:
    """Record the vectors of three short texts: this model is the right one, and has to stay so."""
    service, registry = load_service(context)
    order: dict[str, Json] = {"component": _known(service, name), "action": "embedding.record", "with": {}}
    order["checks"] = ["embedding.means"]
    foreseen = _plan(ask(service, registry, "act", {**order, "foresee": True}))
    steps = foreseen["steps"]
    preview = steps[0]["preview"] if isinstance(steps, list) and isinstance(steps[0], dict) else None
    assert isinstance(preview, dict)
    if preview["blocked"]:
        raise ParamedicError(f"this cannot be done: {preview['blocked']}")
    if not yes:
        complain(str(preview["summary"]))
        if not sys.stdin.isatty():
            raise UsageError("this asks first, and nobody can answer here", hint="`--yes` does it without asking")
        if not click.confirm("go on", err=True):
            raise click.Abort
    result = ask(service, registry, "act", order)
    plan = _plan(result)
    if style == "json":
        show_json(result)
    else:
        emit(f"{plan['state']}: {plan['why_ended']}\n")
    context.exit(0 if result["verified"] else 1)


def _plan(result: Mapping[str, Json]) -> dict[str, Json]:
    plans = result["plans"]
    assert isinstance(plans, list)
    plan = plans[0]
    assert isinstance(plan, dict)
    return plan


def _all(service: Service) -> tuple[str, ...]:
    names = tuple(name for name, each in service.components.items() if each.kind == _KIND)
    if not names:
        raise UsageError(
            "the service file declares no embedding model", hint="a component of the kind `embedding` is one"
        )
    return names


def _known(service: Service, name: str | None) -> str:
    names = _all(service)
    if name is None and len(names) > 1:
        raise UsageError("which embedding model", hint=f"one of {', '.join(names)}")
    wanted = name or names[0]
    if wanted not in names:
        raise UsageError(f"there is no embedding model `{wanted}`", hint=f"known: {', '.join(names)}")
    return wanted
