"""``paramedic start``, ``stop`` and ``restart``: an operator's wishes, kept until the next one."""

from collections.abc import Mapping

import click

from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.planned import labelled
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import UsageError
from paramedic.model.wire import Json


def _order(context: click.Context, verb: str, names: tuple[str, ...], style: str) -> None:
    service, registry = load_service(context)
    groups = {each.group: None for each in service.components.values() if each.group}
    for name in (each for given in names for each in (service.instances(given) or (given,))):
        component = service.components.get(name)
        if component is None:
            raise UsageError(
                f"there is no component `{name}`", hint=f"known: {', '.join((*service.components, *groups))}"
            )
        if component.owner is None and not (component.process and component.process.is_managed):
            raise UsageError(
                f"`{name}` has no command that paramedic could run",
                hint="give it `process: {command: […]}`, or name its `owner`",
            )
    result = ask(service, registry, verb, {"components": list(names)})
    plans = result["plans"]
    assert isinstance(plans, list)
    if style == "json":
        show_json(result)
    else:
        needs = {name: each for name, each in _mapping(result.get("missing")).items() if isinstance(each, dict)}
        rows: list[tuple[Json, Json, str]] = [
            (p["suspect"], p["state"], _why(p, needs)) for p in plans if isinstance(p, dict)
        ]
        rows += [(name, "runs already", str(what)) for name, what in _mapping(result.get("running")).items()]
        rows += [(name, "left alone", str(why)) for name, why in _mapping(result.get("left")).items()]
        show_rows(("component", verb, "why"), rows, empty="nothing to do")
        for name, found in needs.items():
            click.echo(
                "\n".join(labelled("hint: ", f"`paramedic start {' '.join((*found, name))}` starts what it needs, too"))
            )
    context.exit(0 if result["verified"] else 1)


def _mapping(found: Json) -> Mapping[str, Json]:
    return found if isinstance(found, dict) else {}


def _why(plan: Mapping[str, Json], needs: Mapping[str, Mapping[str, Json]]) -> str:
    """Why a plan ended so, and what the component needs that does not run."""
    found = needs.get(str(plan["suspect"]), {})
    return "; ".join((str(plan["why_ended"]), *(f"`{name}`, which it needs, {how}" for name, how in found.items())))


@click.command()
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def start(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """Start components (all without a name), each after what it needs. Exit 0 when verified, else 1."""
    _order(context, "start", components, style)


@click.command()
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def stop(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """Stop components (all without a name). They stay stopped until somebody says start."""
    _order(context, "stop", components, style)


@click.command()
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def restart(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """Restart components; no incident is opened meanwhile.

    A name may be that of a group: its instances are restarted a share at a time, and the next only when those before
    are well again. Exit 0 when verified, else 1.
    """
    _order(context, "restart", components, style)
