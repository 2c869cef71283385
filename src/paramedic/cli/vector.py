"""``paramedic vector``: vector indexes checked, described, kept, restored, built, made smaller."""

import sys
from collections.abc import Mapping

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.of_kind import OfKind, Plan, the_plan
from paramedic.cli.output import complain, emit
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import ParamedicError, UsageError
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.sdk.pack import Registry

_KIND = OfKind(kind="vector", title="vector index")
_name = click.argument("name", required=False)
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


@click.group()
def vector() -> None:
    """Vector indexes: check, describe, back up, restore, rebuild, compact.

    NAME is the component; it may be left out where the service file declares one vector index.
    """


vector.add_command(_KIND.check())


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
    context.invoke(create, components=(_KIND.one(service, name),), style=style)


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
    order: dict[str, Json] = {"component": _KIND.one(service, name), "action": action, "with": dict(params)}
    if checks:
        order["checks"] = checks
    step = the_plan(ask(service, registry, "act", {**order, "foresee": True}))["steps"][0]["preview"]
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
    plan = the_plan(result)
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
