"""``paramedic vector``: vector indexes checked, described, kept, restored, built, made smaller."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.output import complain, emit
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.component import Component
from paramedic.model.errors import ParamedicError, UsageError
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.report import FORMATS
from paramedic.sdk.pack import Registry

_KIND = "vector"
_name = click.argument("name", required=False)
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
Plan = Mapping[str, Any]  # Any: a plan as JSON, which only gets printed


@click.group()
def vector() -> None:
    """Vector indexes: check, describe, back up, restore, rebuild, compact.

    NAME is the component; it may be left out where the service file declares one vector index.
    """


@vector.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Show passes and all evidence.")
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], style: str, verbose: bool) -> None:
    """Look at every vector index, or those named, and judge. Changes nothing.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    from paramedic.cli.check import check as look

    service, _ = load_service(context)
    wanted = tuple(_known(service, each).name for each in names) or _all(service)
    context.invoke(look, components=wanted, depth="full", style=style, verbose=verbose)


@vector.command()
@_name
@_yes
@format_option
@click.pass_context
def manifest(context: click.Context, name: str | None, yes: bool, style: str) -> None:
    """Write the manifest: the index is well as it is, and from now on has to stay so."""
    _carry_out(context, name, "vector.describe", {}, style, yes=yes, checks=["vector.is-sound"])


@vector.command()
@_name
@click.option("--force", is_flag=True, help="Also where there is an index; it is set aside.")
@_yes
@format_option
@click.pass_context
def initialize(context: click.Context, name: str | None, force: bool, yes: bool, style: str) -> None:
    """Start again with an empty index of the declared dimension, metric and type."""
    _carry_out(context, name, "vector.initialize", {"force": force}, style, yes=yes, checks=["vector.is-sound"])


@vector.command()
@_name
@format_option
@click.pass_context
def backup(context: click.Context, name: str | None, style: str) -> None:
    """Back the index and its manifest up, as `paramedic backup create` does; `restore` looks there, too."""
    from paramedic.cli.backup import create

    service, _ = load_service(context)
    context.invoke(create, components=(_known(service, name).name,), style=style)


@vector.command()
@_name
@_yes
@format_option
@click.pass_context
def restore(context: click.Context, name: str | None, yes: bool, style: str) -> None:
    """Bring the newest good copy back and add what is newer; without a copy, build it from its source."""
    _carry_out(context, name, "vector.restore", {"ordered": True}, style, yes=yes)


@vector.command()
@_name
@click.option("--missing", is_flag=True, help="Only add the vectors that it lacks.")
@_yes
@format_option
@click.pass_context
def rebuild(context: click.Context, name: str | None, missing: bool, yes: bool, style: str) -> None:
    """Build the index anew from every vector of its source."""
    action = "vector.add-missing" if missing else "vector.rebuild"
    _carry_out(context, name, action, {"ordered": True}, style, yes=yes)


@vector.command()
@_name
@click.option("--to", type=click.Choice(["sq8", "pq"]), help="Store each vector in fewer bytes, too.")
@_yes
@format_option
@click.pass_context
def compact(context: click.Context, name: str | None, to: str | None, yes: bool, style: str) -> None:
    """Take out the vectors that the source has lost; with `--to`, make the rest smaller."""
    _carry_out(context, name, "vector.compact", {"to": to}, style, yes=yes)


def _carry_out(
    context: click.Context,
    name: str | None,
    action: str,
    params: Mapping[str, Json],
    style: str,
    *,
    yes: bool,
    checks: list[Json] | None = None,
) -> None:
    """Show what would be done and lost, ask, and have it done. Exit 0 when verified, else 1."""
    service, registry = load_service(context)
    component = _known(service, name)
    order: dict[str, Json] = {"component": component.name, "action": action, "with": dict(params)}
    if checks:
        order["checks"] = checks
    step = _one(ask(service, registry, "act", {**order, "foresee": True}))["steps"][0]["preview"]
    if step["blocked"]:
        raise ParamedicError(f"this cannot be done: {step['blocked']}")
    if not yes:
        _agree(step)
    _tell(context, service, registry, order, style)


def _agree(preview: Plan) -> None:
    complain(preview["summary"])
    for each in preview["loss"]:
        complain(f"  lost for good: {each}")
    if not sys.stdin.isatty():
        raise UsageError("this asks first, and nobody can answer here", hint="`--yes` does it without asking")
    if not click.confirm("go on", err=True):
        raise click.Abort


def _tell(context: click.Context, service: Service, registry: Registry, order: Mapping[str, Json], style: str) -> None:
    result = ask(service, registry, "act", order)
    plan = _one(result)
    receipts = result.get("receipts")
    done = [each for each in receipts if each["phase"] == "done"] if isinstance(receipts, list) else []  # type: ignore[index,call-overload]  # a receipt as JSON
    if style == "json":
        show_json(result)
    else:
        why = done[-1]["detail"] if done else plan["why_ended"]  # type: ignore[index,call-overload]  # see above
        emit(f"{plan['state']}: {why}\n")
        if not result["verified"]:
            emit(f"  because  {plan['why_ended']}\n  hint: paramedic receipts {plan['id']}\n")
    context.exit(0 if result["verified"] else 1)


def _one(result: Mapping[str, Json]) -> Plan:
    plans = result["plans"]
    assert isinstance(plans, list)
    plan = plans[0]
    assert isinstance(plan, dict)
    return plan


def _all(service: Service) -> tuple[str, ...]:
    names = tuple(name for name, each in service.components.items() if each.kind == _KIND)
    if not names:
        raise UsageError("the service file declares no vector index", hint="a component of the kind `vector` is one")
    return names


def _known(service: Service, name: str | None) -> Component:
    names = _all(service)
    if name is None and len(names) > 1:
        raise UsageError("which vector index", hint=f"one of {', '.join(names)}")
    wanted = name or names[0]
    if wanted not in names:
        raise UsageError(f"there is no vector index `{wanted}`", hint=f"known: {', '.join(names)}")
    return service.components[wanted]
