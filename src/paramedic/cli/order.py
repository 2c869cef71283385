"""``paramedic start``, ``stop`` and ``restart``: an operator's wishes, kept until the next one."""

import click

from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import UsageError


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
        rows = [(p["suspect"], p["state"], p["why_ended"]) for p in plans if isinstance(p, dict)]
        left = result.get("left")
        rows += [(name, "left alone", why) for name, why in left.items()] if isinstance(left, dict) else []
        show_rows(("component", verb, "why"), rows, empty="nothing to do")
    context.exit(0 if result["verified"] else 1)


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
