"""``paramedic start``, ``stop`` and ``restart``: an operator's wishes, kept until the next one."""

import click

from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import UsageError


def _order(context: click.Context, verb: str, names: tuple[str, ...], style: str) -> None:
    service, registry = load_service(context)
    for name in names:
        component = service.components.get(name)
        if component is None:
            raise UsageError(f"there is no component `{name}`", hint=f"known: {', '.join(service.components)}")
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
    """Restart components; no incident is opened meanwhile. Exit 0 when verified, else 1."""
    _order(context, "restart", components, style)
